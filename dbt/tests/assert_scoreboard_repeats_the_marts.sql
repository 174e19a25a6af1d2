{#- Every figure of a mart is in the scoreboard as it is, and the scoreboard has no other. -#}
{%- set marts = {
    'win_rate': 'kpi_win_rate_monthly',
    'lead_conversion': 'kpi_lead_conversion_monthly',
    'churn_contractual': 'kpi_churn_contractual_monthly',
    'churn_inactivity': 'kpi_churn_inactivity_monthly',
    'first_contact_resolution': 'kpi_first_contact_resolution_monthly',
    'customer_lifetime_value': 'kpi_customer_lifetime_value_monthly',
} %}

with scoreboard as (

    select * from {{ ref('kpi_scoreboard') }}

),

figures as (

    {% for kpi, mart in marts.items() -%}
    select
        '{{ kpi }}' as kpi,
        reading,
        month,
        dimension,
        member,
        numerator,
        denominator,
        value,
        is_final
    from {{ ref(mart) }}
    union all
    {% endfor -%}
    select
        'sales_cycle' as kpi,
        reading || '_mean' as reading,
        month,
        dimension,
        member,
        numerator,
        denominator,
        value,
        is_final
    from {{ ref('kpi_sales_cycle_monthly') }}

),

shown as (

    select * from scoreboard
    where kpi not in ('sales_cycle', 'time_in_stage') or reading like '%_mean'

)

select
    coalesce(figures.kpi, shown.kpi) as kpi,
    coalesce(figures.reading, shown.reading) as reading,
    coalesce(figures.month, shown.month) as month,
    coalesce(figures.dimension, shown.dimension) as dimension,
    coalesce(figures.member, shown.member) as member,
    figures.value as mart_value,
    shown.value as scoreboard_value
from figures
full outer join shown
    on
        figures.kpi = shown.kpi
        and figures.reading = shown.reading
        and figures.month = shown.month
        and figures.dimension = shown.dimension
        and figures.member = shown.member
where
    figures.kpi is null
    or shown.kpi is null
    or figures.numerator <> shown.numerator
    or figures.denominator <> shown.denominator
    or figures.value is distinct from shown.value
    or figures.is_final <> shown.is_final

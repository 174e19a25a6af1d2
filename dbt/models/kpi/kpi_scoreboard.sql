{#- Grain: one row per kpi, reading, month, dimension and member. -#}
{%- set marts = {
    'win_rate': 'kpi_win_rate_monthly',
    'lead_conversion': 'kpi_lead_conversion_monthly',
    'churn_contractual': 'kpi_churn_contractual_monthly',
    'churn_inactivity': 'kpi_churn_inactivity_monthly',
    'first_contact_resolution': 'kpi_first_contact_resolution_monthly',
    'customer_lifetime_value': 'kpi_customer_lifetime_value_monthly',
} %}

with sales_cycles as (

    select * from {{ ref('kpi_sales_cycle_monthly') }}

),

stage_times as (

    select * from {{ ref('kpi_time_in_stage_monthly') }}
    where dimension = 'total'

),

targets as (

    select * from {{ ref('kpi_targets') }}

),

headlines as (

    {% for kpi, mart in marts.items() -%}
    select
        '{{ kpi }}' as kpi,
        reading,
        month,
        dimension,
        member,
        cast(numerator as decimal(18, 4)) as numerator,
        cast(denominator as decimal(18, 4)) as denominator,
        value,
        unit,
        is_final
    from {{ ref(mart) }}
    union all
    {% endfor -%}
    {% for statistic in ['mean', 'median', 'p90', 'km_median'] -%}
    select
        'sales_cycle' as kpi,
        reading || '_{{ statistic }}' as reading,
        month,
        dimension,
        member,
        {% if statistic == 'mean' -%}
        cast(numerator as decimal(18, 4)) as numerator,
        {% else -%}
        cast(null as decimal(18, 4)) as numerator,
        {% endif -%}
        cast({{ 'cohort_count' if statistic == 'km_median' else 'denominator' }} as decimal(18, 4)) as denominator,
        {{ statistic }}_days as value,
        unit,
        {{ 'is_final and cohort_open_count = 0' if statistic == 'km_median' else 'is_final' }} as is_final
    from sales_cycles
    union all
    {% endfor -%}
    select
        'time_in_stage' as kpi,
        reading,
        month,
        'stage' as dimension,
        stage_name as member,
        numerator,
        denominator,
        value,
        unit,
        is_final
    from stage_times

),

-- The month before, not the row before: a month without a row has no value to compare with.
compared as (

    select
        kpi,
        reading,
        month,
        dimension,
        member,
        numerator,
        denominator,
        value,
        unit,
        is_final,
        case
            when lag(month) over (partition by kpi, reading, dimension, member order by month) = {{ date_plus('month', -1, 'month') }}
                then lag(value) over (partition by kpi, reading, dimension, member order by month)
        end as previous_value
    from headlines

),

-- A target holds from its first day until the next one for the same figure.
aimed as (

    select
        kpi,
        reading,
        dimension,
        member,
        target,
        valid_from,
        lead(valid_from) over (partition by kpi, reading, dimension, member order by valid_from) as next_valid_from
    from targets

),

final as (

    select
        {{ surrogate_key(['compared.kpi', 'compared.reading', 'compared.month', 'compared.dimension', 'compared.member']) }}
            as scoreboard_key,
        compared.kpi,
        compared.reading,
        compared.month,
        compared.dimension,
        compared.member,
        compared.numerator,
        compared.denominator,
        compared.value,
        compared.unit,
        compared.is_final,
        compared.previous_value,
        aimed.target
    from compared
    left join aimed
        on
            compared.kpi = aimed.kpi
            and compared.reading = aimed.reading
            and compared.dimension = aimed.dimension
            and compared.member = aimed.member
            and compared.month >= aimed.valid_from
            and (aimed.next_valid_from is null or compared.month < aimed.next_valid_from)

)

select * from final

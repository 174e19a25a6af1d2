{#- Grain: one row per reading (the lead definition in force), month, dimension and member. -#}
{%- set dimensions = var('kpi_dimensions', ['customer_segment', 'region', 'lead_kind', 'channel', 'team', 'employee', 'campaign']) -%}

with parameters as (

    select * from {{ ref('dim_parameters') }}

),

leads as (

    select * from {{ ref('kpi_leads') }}

),

months as (

    select * from {{ ref('dim_date') }}
    where date_day = month

),

defined as (

    select leads.*
    from leads
    cross join parameters
    where
        case parameters.lead_definition
            when 'any_lead' then leads.lead_feed = 'leads'
            when 'qualified_lead' then leads.is_qualified
            when 'filled_basket' then leads.lead_kind = 'basket'
            when 'social_follower' then leads.lead_kind = 'follower'
        end

),

counted as (

    select
        month,
        case
            {%- for dimension in dimensions %}
            when grouping({{ dimension }}) = 0 then '{{ dimension }}'
            {%- endfor %}
            else 'total'
        end as dimension,
        coalesce({{ dimensions | join(', ') }}, 'total') as member,
        count(*) as lead_count,
        count(*) filter (where is_won_order) as won_count,
        count(*) filter (where is_waiting) as waiting_count
    from defined
    group by grouping sets (
        (month)
        {%- for dimension in dimensions %}, (month, {{ dimension }}){% endfor %}
    )

),

with_empty_months as (

    select * from counted
    union all
    select
        months.month,
        'total' as dimension,
        'total' as member,
        0 as lead_count,
        0 as won_count,
        0 as waiting_count
    from months
    cross join parameters
    where months.month >= (select min(counted.month) from counted) and months.month <= parameters.as_of_month

),

summed as (

    select
        month,
        dimension,
        member,
        cast(sum(won_count) as decimal(18, 2)) as numerator,
        cast(sum(lead_count) as decimal(18, 2)) as denominator,
        cast(sum(waiting_count) as bigint) as waiting_count
    from with_empty_months
    group by all

),

final as (

    select
        parameters.lead_definition as reading,
        summed.month,
        summed.dimension,
        summed.member,
        summed.numerator,
        summed.denominator,
        {{ safe_ratio('summed.numerator', 'summed.denominator') }} as value,
        'rate' as unit,
        summed.waiting_count,
        {{ days_between(date_plus('summed.month', 1, 'month'), 'parameters.as_of_date') }} >= parameters.lead_maturity_days
        and summed.waiting_count = 0 as is_final
    from summed
    cross join parameters

)

select * from final

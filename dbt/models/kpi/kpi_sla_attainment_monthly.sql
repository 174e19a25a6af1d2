{#- Grain: one row per reading, month of opening, dimension and member. -#}
{%- set dimensions = var('kpi_dimensions', [
    'team', 'employee', 'channel', 'topic', 'ticket_type', 'priority', 'product_category', 'customer_segment', 'abc_class',
]) -%}

with parameters as (

    select * from {{ ref('dim_parameters') }}

),

verdicts as (

    select * from {{ ref('kpi_sla_verdicts') }}

),

months as (

    select * from {{ ref('dim_date') }}
    where date_day = month

),

readings as (

    select 'first_response' as reading
    union all
    select 'resolution' as reading

),

counted as (

    select
        reading,
        created_month as month,
        case
            {%- for dimension in dimensions %}
            when grouping({{ dimension }}) = 0 then '{{ dimension }}'
            {%- endfor %}
            else 'total'
        end as dimension,
        coalesce({{ dimensions | join(', ') }}, 'total') as member,
        count(*) filter (where is_met) as met_count,
        count(*) filter (where is_met or is_breached) as decided_count,
        count(*) filter (where is_pending) as pending_count,
        count(*) filter (where is_breached and is_censored) as overdue_count
    from verdicts
    group by grouping sets (
        (reading, created_month)
        {%- for dimension in dimensions %}, (reading, created_month, {{ dimension }}){% endfor %}
    )

),

with_empty_months as (

    select * from counted
    union all
    select
        readings.reading,
        months.month,
        'total' as dimension,
        'total' as member,
        0 as met_count,
        0 as decided_count,
        0 as pending_count,
        0 as overdue_count
    from months
    cross join readings
    cross join parameters
    where months.month >= (select min(counted.month) from counted) and months.month <= parameters.as_of_month

),

summed as (

    select
        reading,
        month,
        dimension,
        member,
        cast(sum(met_count) as decimal(18, 2)) as numerator,
        cast(sum(decided_count) as decimal(18, 2)) as denominator,
        cast(sum(pending_count) as bigint) as pending_count,
        cast(sum(overdue_count) as bigint) as overdue_count
    from with_empty_months
    group by all

),

-- A ticket that still waits may get another priority, and with it another promise.
final as (

    select
        summed.reading,
        summed.month,
        summed.dimension,
        summed.member,
        summed.numerator,
        summed.denominator,
        {{ safe_ratio('summed.numerator', 'summed.denominator') }} as value,
        'rate' as unit,
        summed.pending_count,
        summed.overdue_count,
        summed.month < parameters.as_of_month and summed.pending_count = 0 and summed.overdue_count = 0 as is_final
    from summed
    cross join parameters

)

select * from final

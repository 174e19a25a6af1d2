{#- Grain: one row per reading, month, dimension and member. -#}
{%- set dimensions = var('kpi_dimensions', [
    'team', 'employee', 'channel', 'topic', 'ticket_type', 'priority', 'product_category', 'customer_segment', 'abc_class',
]) -%}

with parameters as (

    select * from {{ ref('dim_parameters') }}

),

open_tickets as (

    select * from {{ ref('kpi_open_tickets') }}

),

resolved_tickets as (

    select * from {{ ref('kpi_resolved_tickets') }}
    where is_answered

),

months as (

    select * from {{ ref('dim_date') }}
    where date_day = month

),

readings as (

    select 'open_tickets' as reading
    union all
    select 'open_age' as reading
    union all
    select 'reopened' as reading

),

weighed as (

    select
        {%- for dimension in dimensions %}
        open_tickets.{{ dimension }},
        {%- endfor %}
        readings.reading,
        open_tickets.month,
        case when readings.reading = 'open_age' then cast({{ rounded('open_tickets.age_days', 4) }} as decimal(18, 4)) else 1 end as weight,
        case when readings.reading = 'open_age' then open_tickets.age_days end as age_days
    from open_tickets
    cross join readings
    where readings.reading <> 'reopened'
    union all
    select
        {%- for dimension in dimensions %}
        {{ dimension }},
        {%- endfor %}
        'reopened' as reading,
        resolved_month as month,
        case when is_reopened then 1 else 0 end as weight,
        cast(null as double) as age_days
    from resolved_tickets

),

counted as (

    select
        reading,
        month,
        case
            {%- for dimension in dimensions %}
            when grouping({{ dimension }}) = 0 then '{{ dimension }}'
            {%- endfor %}
            else 'total'
        end as dimension,
        coalesce({{ dimensions | join(', ') }}, 'total') as member,
        sum(weight) as total_weight,
        count(*) as ticket_count,
        percentile_cont(0.5) within group (order by age_days) as median_age_days
    from weighed
    group by grouping sets (
        (reading, month)
        {%- for dimension in dimensions %}, (reading, month, {{ dimension }}){% endfor %}
    )

),

-- Every month since the first has a total, so that an empty backlog shows.
with_empty_months as (

    select * from counted
    union all
    select
        readings.reading,
        months.month,
        'total' as dimension,
        'total' as member,
        0 as total_weight,
        0 as ticket_count,
        null as median_age_days
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
        cast(sum(total_weight) as decimal(18, 4)) as numerator,
        cast(sum(ticket_count) as decimal(18, 2)) as ticket_count,
        max(median_age_days) as median_age_days
    from with_empty_months
    group by all

),

-- A count has nothing to be divided by.
final as (

    select
        summed.reading,
        summed.month,
        summed.dimension,
        summed.member,
        summed.numerator,
        case when summed.reading <> 'open_tickets' then summed.ticket_count end as denominator,
        case
            when summed.reading = 'open_tickets' then cast(summed.numerator as double)
            else {{ safe_ratio('summed.numerator', 'summed.ticket_count') }}
        end as value,
        case summed.reading when 'open_tickets' then 'count' when 'open_age' then 'days' else 'rate' end as unit,
        {{ rounded('round(summed.median_age_days, 9)', 4) }} as median_age_days,
        summed.month < parameters.as_of_month as is_final
    from summed
    cross join parameters

)

select * from final

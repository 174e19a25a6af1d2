{#- Grain: one row per reading, month of the response or resolution, dimension and member. -#}
{%- set dimensions = var('kpi_dimensions', [
    'team', 'employee', 'channel', 'topic', 'ticket_type', 'priority', 'product_category', 'customer_segment', 'abc_class',
]) -%}

with parameters as (

    select * from {{ ref('dim_parameters') }}

),

service_times as (

    select * from {{ ref('kpi_service_times') }}

),

months as (

    select * from {{ ref('dim_date') }}
    where date_day = month

),

clocks as (

    select 'calendar' as clock
    union all
    select 'business' as clock

),

-- What still waits has no month of its event: it is counted in the month it was opened in.
clocked as (

    select
        {%- for dimension in dimensions %}
        service_times.{{ dimension }},
        {%- endfor %}
        service_times.reading || '_' || clocks.clock as reading,
        case
            when service_times.is_censored then service_times.created_month
            else cast(date_trunc('month', service_times.ended_at) as date)
        end as month,
        service_times.is_censored,
        case
            when service_times.is_censored then null
            when clocks.clock = 'business' then service_times.business_hours
            else service_times.calendar_hours
        end as hours
    from service_times
    cross join clocks

),

measured as (

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
        sum(cast({{ rounded('hours', 4) }} as decimal(18, 4))) as total_hours,
        count(hours) as ticket_count,
        percentile_cont(0.5) within group (order by hours) as median_hours,
        percentile_cont(0.9) within group (order by hours) as p90_hours,
        count(*) filter (where is_censored) as censored_count
    from clocked
    group by grouping sets (
        (reading, month)
        {%- for dimension in dimensions %}, (reading, month, {{ dimension }}){% endfor %}
    )

),

first_months as (

    select
        reading,
        min(month) as month
    from measured
    group by reading

),

grid as (

    select
        reading,
        month,
        dimension,
        member
    from measured
    union
    select
        first_months.reading,
        months.month,
        'total' as dimension,
        'total' as member
    from first_months
    cross join parameters
    inner join months on first_months.month <= months.month and parameters.as_of_month >= months.month

),

final as (

    select
        grid.reading,
        grid.month,
        grid.dimension,
        grid.member,
        cast(coalesce(measured.total_hours, 0) as decimal(18, 4)) as numerator,
        cast(coalesce(measured.ticket_count, 0) as decimal(18, 2)) as denominator,
        {{ safe_ratio('measured.total_hours', 'measured.ticket_count') }} as value,
        'hours' as unit,
        {{ rounded('round(measured.median_hours, 9)', 4) }} as median_hours,
        {{ rounded('round(measured.p90_hours, 9)', 4) }} as p90_hours,
        cast(coalesce(measured.censored_count, 0) as bigint) as censored_count,
        grid.month < parameters.as_of_month as is_final
    from grid
    cross join parameters
    left join measured
        on
            grid.reading = measured.reading
            and grid.month = measured.month
            and grid.dimension = measured.dimension
            and grid.member = measured.member

)

select * from final

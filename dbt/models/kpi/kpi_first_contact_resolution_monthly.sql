{#- Grain: one row per reading, month of resolution, dimension and member. -#}
{%- set dimensions = var('kpi_dimensions', [
    'team', 'employee', 'channel', 'topic', 'ticket_type', 'priority', 'product_category', 'customer_segment', 'abc_class',
]) -%}
{%- set windows = var('fcr_windows_days', [1, 3, 14, 30]) -%}

with parameters as (

    select * from {{ ref('dim_parameters') }}

),

tickets as (

    select * from {{ ref('kpi_resolved_tickets') }}

),

months as (

    select * from {{ ref('dim_date') }}
    where date_day = month

),

readings as (

    select
        'one_touch' as reading,
        cast(null as bigint) as window_days
    union all
    select
        'fcr' as reading,
        fcr_window_days as window_days
    from parameters
    {% for days in windows -%}
    union all
    select
        'fcr_{{ days }}d' as reading,
        {{ days }} as window_days
    {% endfor %}

),

counted as (

    select
        readings.reading,
        tickets.resolved_month as month,
        case
            {%- for dimension in dimensions %}
            when grouping(tickets.{{ dimension }}) = 0 then '{{ dimension }}'
            {%- endfor %}
            else 'total'
        end as dimension,
        coalesce({% for dimension in dimensions %}tickets.{{ dimension }}, {% endfor %}'total') as member,
        count(*) filter (
            where
            tickets.is_answered
            and tickets.is_one_touch
            and (
                readings.window_days is null
                or tickets.days_to_next_ticket is null
                or tickets.days_to_next_ticket > readings.window_days
            )
        ) as success_count,
        count(*) filter (where tickets.is_answered) as answered_count,
        count(*) filter (where tickets.is_auto_closed) as auto_closed_count,
        count(*) filter (where tickets.is_zero_reply) as zero_reply_count,
        count(*) filter (
            where
            tickets.is_answered
            and {{ days_between('tickets.resolved_date', 'parameters.as_of_date') }} <= readings.window_days
        ) as pending_count
    from tickets
    cross join readings
    cross join parameters
    group by grouping sets (
        (readings.reading, tickets.resolved_month)
        {%- for dimension in dimensions %}, (readings.reading, tickets.resolved_month, tickets.{{ dimension }}){% endfor %}
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
        0 as success_count,
        0 as answered_count,
        0 as auto_closed_count,
        0 as zero_reply_count,
        0 as pending_count
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
        cast(sum(success_count) as decimal(18, 2)) as numerator,
        cast(sum(answered_count) as decimal(18, 2)) as denominator,
        cast(sum(auto_closed_count) as bigint) as auto_closed_count,
        cast(sum(zero_reply_count) as bigint) as zero_reply_count,
        cast(sum(pending_count) as bigint) as pending_count
    from with_empty_months
    group by all

),

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
        summed.auto_closed_count,
        summed.zero_reply_count,
        summed.pending_count,
        summed.month < parameters.as_of_month and summed.pending_count = 0 as is_final
    from summed
    cross join parameters

)

select * from final

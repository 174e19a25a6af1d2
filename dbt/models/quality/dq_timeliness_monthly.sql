{#- Grain: one row per source system, feed and month since its first loaded batch. -#}

with batches as (

    select * from {{ ref('stg_batches') }}

),

runs as (

    select * from {{ ref('stg_runs') }}

),

bounds as (

    select * from {{ ref('dq_feed_bounds') }}
    where allowed_age_days is not null

),

months as (

    select
        month,
        {{ date_plus('month', 1, 'month') }} as next_month
    from {{ ref('dim_date') }}
    where date_day = month

),

delivered as (

    select
        source_system,
        feed,
        batch_date
    from batches
    group by source_system, feed, batch_date

),

-- From one delivery until the day before the next one: in time for the days the contract allows, late after them.
spans as (

    select
        delivered.source_system,
        delivered.feed,
        delivered.batch_date,
        {{ date_plus('delivered.batch_date', 'bounds.allowed_age_days + 1') }} as late_from_date,
        coalesce(
            lead(delivered.batch_date) over (partition by delivered.source_system, delivered.feed order by delivered.batch_date),
            {{ date_plus('runs.as_of_date', 1) }}
        ) as until_date
    from delivered
    cross join runs
    inner join bounds on delivered.feed = bounds.feed

),

-- A span lies in every month that it touches: rows multiply by those months.
cut as (

    select
        spans.source_system,
        spans.feed,
        months.month,
        {{ days_between('greatest(spans.batch_date, months.month)', 'least(spans.until_date, months.next_month)') }} as day_count,
        greatest(
            {{ days_between('greatest(spans.late_from_date, months.month)', 'least(spans.until_date, months.next_month)') }}, 0
        ) as late_day_count
    from spans
    inner join months on spans.batch_date < months.next_month and spans.until_date > months.month

),

final as (

    select
        {{ surrogate_key(['source_system', 'feed', 'month']) }} as timeliness_key,
        source_system,
        feed,
        month,
        cast(sum(day_count) as bigint) as day_count,
        cast(sum(day_count - late_day_count) as bigint) as timely_day_count
    from cut
    group by source_system, feed, month

)

select * from final

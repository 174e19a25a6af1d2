{#- Grain: one row per source system, feed, month and measure of quality. -#}

with batches as (

    select * from {{ source('journal', 'batches') }}
    where status in ('loaded', 'refused')

),

column_scores as (

    select * from {{ ref('dq_column_scores') }}

),

timeliness as (

    select * from {{ ref('dq_timeliness_monthly') }}

),

reconciled as (

    select * from {{ ref('dq_reconciled_objects') }}

),

bounds as (

    select * from {{ ref('dq_feed_bounds') }}

),

weights as (

    select * from {{ ref('quality_weights') }}

),

-- Whatever is good of what was looked at: values, rows, days or control figures.
measured as (

    select
        'completeness' as measure,
        source_system,
        feed,
        month,
        sum(filled_count) as good_count,
        sum(loaded_count) as checked_count
    from column_scores
    where is_expected
    group by source_system, feed, month
    union all
    select
        'validity' as measure,
        source_system,
        feed,
        cast(date_trunc('month', batch_date) as date) as month,
        sum(delivered_rows - quarantined_rows) as good_count,
        sum(delivered_rows) as checked_count
    from batches
    group by source_system, feed, cast(date_trunc('month', batch_date) as date)
    union all
    select
        'uniqueness' as measure,
        source_system,
        feed,
        cast(date_trunc('month', batch_date) as date) as month,
        sum(delivered_rows - duplicate_rows) as good_count,
        sum(delivered_rows) as checked_count
    from batches
    where status = 'loaded'
    group by source_system, feed, cast(date_trunc('month', batch_date) as date)
    union all
    select
        'timeliness' as measure,
        source_system,
        feed,
        month,
        timely_day_count as good_count,
        day_count as checked_count
    from timeliness
    union all
    select
        'consistency' as measure,
        source_system,
        feed,
        month,
        sum(consistent_count) as good_count,
        sum(checked_count) as checked_count
    from column_scores
    group by source_system, feed, month
    union all
    select
        'reconciliation' as measure,
        source_system,
        feed,
        month,
        count(*) filter (where is_explained) as good_count,
        count(*) as checked_count
    from reconciled
    group by source_system, feed, month

),

final as (

    select
        {{ surrogate_key(['measured.measure', 'measured.source_system', 'measured.feed', 'measured.month']) }} as measure_key,
        measured.measure,
        measured.source_system,
        measured.feed,
        coalesce(bounds.feed_owner, 'unknown') as feed_owner,
        measured.month,
        cast(measured.good_count as bigint) as good_count,
        cast(measured.checked_count as bigint) as checked_count,
        {{ safe_ratio('measured.good_count', 'measured.checked_count') }} as score,
        cast(weights.weight as double) as weight
    from measured
    left join bounds on measured.feed = bounds.feed
    left join weights on measured.measure = weights.measure
    where measured.checked_count > 0

)

select * from final

{#- Grain: one row per source system, feed, column that the system fills and month of the batch. -#}

with batches as (

    select * from {{ source('journal', 'batches') }}
    where status = 'loaded'

),

batch_columns as (

    select * from {{ source('journal', 'batch_columns') }}

),

bounds as (

    select * from {{ ref('dq_feed_bounds') }}

),

consistencies as (

    select * from {{ ref('dq_consistencies_monthly') }}

),

expected as (

    select * from {{ ref('quality_columns') }}

),

summed as (

    select
        batches.source_system,
        batches.feed,
        batch_columns.column_name,
        cast(date_trunc('month', batches.batch_date) as date) as month,
        bool_or(batch_columns.is_required) as is_required,
        bool_or(batch_columns.is_key) as is_key,
        cast(sum(batches.loaded_rows) as bigint) as loaded_count,
        cast(sum(batches.loaded_rows - batch_columns.null_count) as bigint) as filled_count,
        cast(sum(batches.delivered_rows) as bigint) as delivered_count,
        cast(sum(batches.delivered_rows - batch_columns.bad_count) as bigint) as valid_count,
        cast(sum(batches.delivered_rows - batches.duplicate_rows) as bigint) as unique_count
    from batches
    inner join batch_columns on batches.batch_id = batch_columns.batch_id
    group by batches.source_system, batches.feed, batch_columns.column_name, cast(date_trunc('month', batches.batch_date) as date)

),

final as (

    select
        {{ surrogate_key(['summed.source_system', 'summed.feed', 'summed.column_name', 'summed.month']) }} as column_score_key,
        summed.source_system,
        summed.feed,
        summed.column_name,
        summed.month,
        coalesce(bounds.feed_owner, 'unknown') as feed_owner,
        summed.is_required,
        summed.is_required or expected.column_name is not null as is_expected,
        summed.is_key,
        summed.loaded_count,
        summed.filled_count,
        summed.delivered_count,
        summed.valid_count,
        coalesce(consistencies.checked_count, 0) as checked_count,
        coalesce(consistencies.consistent_count, 0) as consistent_count,
        {{ safe_ratio('summed.filled_count', 'summed.loaded_count') }} as completeness_score,
        {{ safe_ratio('summed.valid_count', 'summed.delivered_count') }} as validity_score,
        case when summed.is_key then {{ safe_ratio('summed.unique_count', 'summed.delivered_count') }} end as uniqueness_score,
        {{ safe_ratio('consistencies.consistent_count', 'consistencies.checked_count') }} as consistency_score
    from summed
    left join bounds on summed.feed = bounds.feed
    left join expected on summed.feed = expected.feed and summed.column_name = expected.column_name
    left join consistencies
        on
            summed.source_system = consistencies.source_system
            and summed.feed = consistencies.feed
            and summed.column_name = consistencies.column_name
            and summed.month = consistencies.month

)

select * from final

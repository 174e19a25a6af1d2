{#- Grain: one row per loaded batch (file and feed) of the ledger. -#}

with batches as (

    select * from {{ source('journal', 'batches') }}
    where status = 'loaded'

),

complete_exports as (

    select
        source_system,
        feed,
        mapping,
        batch_date
    from batches
    where mode = 'full'
    group by all

),

-- Each batch meets the complete exports after it. A complete export speaks for the rows of its own mapping and for what
-- deltas added since; it says nothing about another mapping's complete export of the same feed.
next_complete_exports as (

    select
        batches.batch_id,
        min(complete_exports.batch_date) as next_full_batch_date
    from batches
    inner join complete_exports
        on
            batches.source_system = complete_exports.source_system
            and batches.feed = complete_exports.feed
            and batches.batch_date < complete_exports.batch_date
            and (batches.mode <> 'full' or batches.mapping = complete_exports.mapping)
    group by all

),

snapshot_feeds as (

    select
        source_system,
        feed
    from complete_exports
    group by all

),

final as (

    select
        batches.batch_id,
        batches.source_system,
        batches.feed,
        batches.mapping,
        batches.mode,
        batches.file,
        batches.batch_date,
        snapshot_feeds.feed is not null as is_snapshot_feed,
        next_complete_exports.next_full_batch_date
    from batches
    left join next_complete_exports on batches.batch_id = next_complete_exports.batch_id
    left join snapshot_feeds
        on
            batches.source_system = snapshot_feeds.source_system
            and batches.feed = snapshot_feeds.feed

)

select * from final

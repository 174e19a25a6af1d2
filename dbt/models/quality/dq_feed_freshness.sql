{#- Grain: one row per source system and feed that was ever delivered. -#}

with batches as (

    select * from {{ source('journal', 'batches') }}

),

runs as (

    select * from {{ ref('stg_runs') }}

),

bounds as (

    select * from {{ ref('dq_feed_bounds') }}

),

delivered as (

    select
        source_system,
        feed,
        max(batch_date) filter (where status = 'loaded') as last_loaded_date,
        count(*) filter (where status = 'loaded') as loaded_batch_count,
        count(*) filter (where status = 'refused') as refused_batch_count,
        max(batch_date) filter (where status = 'refused') as last_refused_date
    from batches
    group by source_system, feed

),

final as (

    select
        {{ surrogate_key(['delivered.source_system', 'delivered.feed']) }} as feed_freshness_key,
        delivered.source_system,
        delivered.feed,
        delivered.last_loaded_date,
        {{ days_between('delivered.last_loaded_date', 'runs.as_of_date') }} as age_days,
        bounds.allowed_age_days,
        coalesce(
            {{ days_between('delivered.last_loaded_date', 'runs.as_of_date') }} > bounds.allowed_age_days,
            delivered.last_loaded_date is null
        ) as is_late,
        delivered.loaded_batch_count,
        delivered.refused_batch_count,
        delivered.last_refused_date
    from delivered
    cross join runs
    left join bounds on delivered.feed = bounds.feed

)

select * from final

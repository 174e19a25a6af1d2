{#-
    Every state of the rows of a feed by batch date: one row per source system, key and day on which `content` changed,
    a complete export lacked the key (`is_missing`), or it came back. A late delta with an older `updated_at` than is known
    already changes nothing. Adds `valid_from`, `next_valid_from` (null: holds today) and `first_batch_date`.
-#}
{% macro row_history(feed, key, content, updated_at) -%}
    {%- set of_one_key = 'partition by source_system, ' ~ key | join(', ') -%}
    with delivered as (

        {{ current_rows(feed, key=key + ['_batch_date'], updated_at=updated_at) }}

    ),

    dated as (

        select
            *,
            max({{ updated_at }}) over (
                {{ of_one_key }}
                order by _batch_date
                rows between unbounded preceding and 1 preceding
            ) as newest_update_before
        from delivered

    ),

    held as (

        select
            *,
            {{ surrogate_key(content) }} as content_hash,
            lead(_batch_date) over ({{ of_one_key }} order by _batch_date) as next_batch_date
        from dated
        where is_snapshot_feed or coalesce({{ updated_at }} >= newest_update_before, newest_update_before is null)

    ),

    -- Each row once as delivered, and once more as missing when a complete export lacked it before it came again.
    stated as (

        select
            held.*,
            steps.is_missing,
            case when steps.is_missing then held.missing_since_date else held._batch_date end as valid_from
        from held
        cross join (select false as is_missing union all select true as is_missing) as steps
        where not steps.is_missing or held.missing_since_date < coalesce(held.next_batch_date, date '9999-12-31')

    ),

    compared as (

        select
            *,
            lag(content_hash) over ({{ of_one_key }} order by valid_from) as previous_content_hash,
            lag(is_missing) over ({{ of_one_key }} order by valid_from) as previous_is_missing
        from stated

    )

    select
        *,
        lead(valid_from) over ({{ of_one_key }} order by valid_from) as next_valid_from,
        min(valid_from) over ({{ of_one_key }}) as first_batch_date
    from compared
    where
        previous_content_hash is null
        or previous_content_hash <> content_hash
        or previous_is_missing <> is_missing
{%- endmacro %}

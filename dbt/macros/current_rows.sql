{#-
    The rows of a feed that hold: per source system and key the last one delivered, and since when complete exports lack it.

    Feeds that are sent as complete exports follow the batches; the others the newest `updated_at`, then the batches.
    Adds `missing_since_date` (null: not missing) and `is_snapshot_feed` to the columns of the feed.
-#}
{% macro current_rows(feed, key, updated_at=none) -%}
    {%- set partition -%}
        delivered.source_system{% for column in key %}, delivered.{{ column }}{% endfor %}
    {%- endset -%}
    {%- set newest_first -%}
        case when batches.is_snapshot_feed then delivered._batch_date end desc nulls last,
                {% if updated_at %}delivered.{{ updated_at }} desc nulls last,{% endif %}
                delivered._batch_date desc, delivered._file desc, delivered._line desc
    {%- endset -%}
    select
        delivered.*,
        coalesce(batches.is_snapshot_feed, false) as is_snapshot_feed,
        nullif(
            max(coalesce(batches.next_full_batch_date, date '9999-12-31')) over (
                partition by {{ partition }}
                order by {{ newest_first }}
                rows between unbounded preceding and unbounded following
            ),
            date '9999-12-31'
        ) as missing_since_date
    from {{ source('raw', feed) }} as delivered
    left join {{ ref('stg_batches') }} as batches on delivered._batch_id = batches.batch_id
    qualify
        row_number() over (
            partition by {{ partition }}
            order by {{ newest_first }}
        ) = 1
{%- endmacro %}

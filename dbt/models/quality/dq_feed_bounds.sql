{#- Grain: one row per feed. -#}
{%- set sources = graph.sources.values() if execute else [] -%} -- noqa: TMP

-- The declaration of the sources repeats the bounds of the contracts; dbt knows it while it compiles.
with bounds as (

    select
        cast(null as string) as feed,
        cast(null as bigint) as allowed_age_days,
        cast(null as string) as feed_owner
    {%- for source in sources if source.source_name == 'raw' and source.name != 'runs' %}
    union all
    select
        '{{ source.name }}' as feed,
        cast({{ source.freshness.warn_after.count or 'null' }} as bigint) as allowed_age_days,
        '{{ source.meta.owner }}' as feed_owner
    {%- endfor %}

),

final as (

    select
        feed,
        allowed_age_days,
        feed_owner
    from bounds
    where feed is not null

)

select * from final

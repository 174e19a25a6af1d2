{#- Builds a table anew beside the old one. If another model restates itself by this one, the rows that differ are kept for it. -#}
{% macro rebuild_table(existing, target_relation, plan) -%}
    {%- set fresh = make_intermediate_relation(target_relation) %}
    {%- call statement('main') -%}
        drop table if exists {{ fresh }};
        {{ create_table_as(False, fresh, compiled_code) }}
    {%- endcall -%}
    {%- set version = run_query(version_of(fresh)).columns[0][0] %}
    {%- set is_known = existing is not none and plan.known is not none %}
    {%- set is_same = is_known and plan.known.version == version %}
    {%- set keeps_changes = is_known and not is_same and is_followed() and is_alike(existing, fresh) %}
    {%- call statement('replace') -%}
        {%- if is_same %}
        drop table {{ fresh }};
        {%- else %}
        {{ keep_changes(target_relation, existing, fresh) ~ ';' if keeps_changes }}
        {{ 'drop ' ~ existing.type ~ ' ' ~ existing ~ ';' if existing is not none }}
        alter table {{ fresh }} rename to {{ adapter.quote(target_relation.identifier) }};
        {%- endif %}
        {{ note_version(
            target_relation, version, known=plan.known, has_changes=keeps_changes, action='rebuilt', definition=plan.definition, inputs=plan.inputs
        ) }}
    {%- endcall -%}
{%- endmacro %}

{#- Whether some model that reads this one, itself or through views, restates itself by keys. -#}
{% macro is_followed() -%}
    {%- set pending = [model.unique_id] %}
    {%- set followers = namespace(found=false) %}
    {%- for unique_id in pending if not followers.found %}
        {%- for node in graph.nodes.values() if node.resource_type == 'model' and unique_id in node.depends_on.nodes %}
            {%- if node.config.materialized == 'view' %}
                {%- do pending.append(node.unique_id) %}
            {%- elif 'restate' in (node.config.meta or {}) %}
                {%- set followers.found = true %}
            {%- endif %}
        {%- endfor %}
    {%- endfor %}
    {{- return(followers.found) -}}
{%- endmacro %}

{#- Whether two relations have the same columns. -#}
{% macro is_alike(one, other) -%}
    {{- return(
        adapter.get_columns_in_relation(one) | map(attribute='name') | list
        == adapter.get_columns_in_relation(other) | map(attribute='name') | list
    ) -}}
{%- endmacro %}

{#-
    SQL that keeps the rows that came (`_sign` 1) and went (-1) in `restated.<schema>__<table>`. Rows are told apart by their hash, as versions
    are: `except all` sorts both sides by all columns and takes ten times as long. Of equal rows whose number changed all are kept.
-#}
{% macro keep_changes(target_relation, before, after) -%}
    create or replace table restated.{{ target_relation.schema }}__{{ target_relation.identifier }} as
    with _differing as (
        select _hash
        from (
            select cast(1 as tinyint) as _sign, hash(*columns(*)) as _hash from {{ after }}
            union all
            select cast(-1 as tinyint) as _sign, hash(*columns(*)) as _hash from {{ before }}
        )
        group by _hash
        having sum(_sign) <> 0
    )

    select cast(1 as tinyint) as _sign, * from {{ after }} where hash(*columns(*)) in (select _hash from _differing)
    union all
    select cast(-1 as tinyint) as _sign, * from {{ before }} where hash(*columns(*)) in (select _hash from _differing)
{%- endmacro %}

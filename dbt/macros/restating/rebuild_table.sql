{#- Builds a table anew beside the old one. If another model restates itself by this one, the rows that differ are kept for it. -#}
{% macro rebuild_table(existing, target_relation, plan) -%}
    {%- set fresh = make_intermediate_relation(target_relation) %}
    {%- call statement('main') -%}
        drop table if exists {{ fresh }};
        {{ create_table_as(False, fresh, compiled_code) }}
    {%- endcall -%}
    {%- set version = run_query(version_of(fresh)).columns[0][0] %}
    {%- set changes = namespace(are_kept=false) %}
    {%- if existing is not none and plan.known is not none and plan.known.version == version %}
        {%- do run_query('drop table ' ~ fresh) %}
    {%- else %}
        {%- if existing is not none and plan.known is not none and is_followed() and is_alike(existing, fresh) %}
            {%- do run_query(keep_changes(target_relation, existing, fresh)) %}
            {%- set changes.are_kept = true %}
        {%- endif %}
        {%- if existing is not none %}
            {%- do run_query('drop ' ~ existing.type ~ ' ' ~ existing) %}
        {%- endif %}
        {%- do run_query('alter table ' ~ fresh ~ ' rename to ' ~ adapter.quote(target_relation.identifier)) %}
    {%- endif %}
    {%- do run_query(note_version(
        target_relation, version, known=plan.known, has_changes=changes.are_kept, action='rebuilt', definition=plan.definition, inputs=plan.inputs
    )) %}
{%- endmacro %}

{#- Whether some model that reads this one restates itself by keys. -#}
{% macro is_followed() -%}
    {%- set followers = namespace(found=false) %}
    {%- for node in graph.nodes.values() if node.resource_type == 'model' and not followers.found %}
        {%- set followers.found = model.unique_id in node.depends_on.nodes and 'restate' in (node.config.meta or {}) %}
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
    {%- set columns = adapter.get_columns_in_relation(target_relation) | map(attribute='quoted') | join(', ') %}
    create or replace table restated.{{ target_relation.schema }}__{{ target_relation.identifier }} as
    with _differing as (
        select _hash
        from (
            select cast(1 as tinyint) as _sign, hash({{ columns }}) as _hash from {{ after }}
            union all
            select cast(-1 as tinyint) as _sign, hash({{ columns }}) as _hash from {{ before }}
        )
        group by _hash
        having sum(_sign) <> 0
    )

    select cast(1 as tinyint) as _sign, {{ columns }} from {{ after }} where hash({{ columns }}) in (select _hash from _differing)
    union all
    select cast(-1 as tinyint) as _sign, {{ columns }} from {{ before }} where hash({{ columns }}) in (select _hash from _differing)
{%- endmacro %}

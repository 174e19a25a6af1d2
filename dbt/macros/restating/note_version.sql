{#- SQL that gives a relation's version: its rows, and an order-free hash over all their columns. -#}
{% macro version_of(relation) -%}
    select count(*) || ':' || coalesce(sum(hash(*columns(*))), 0) from {{ relation }}
{%- endmacro %}

{#-
    Remembers which content a relation holds now, made by which SQL from which versions of its inputs, and how
    (`action`: rebuilt or restated). `known` is what was
    remembered before: a content that did not change keeps the change that led to it.
-#}
{% macro note_version(relation, version, known=none, has_changes=false, action='', definition='', inputs={}) -%}
    {%- set is_same = known is not none and known.version == version %}
    {%- set previous = known.previous_version if is_same else (known.version if known is not none else none) %}
    insert into restated.versions (relation, version, previous_version, has_changes, action, definition, inputs)
    values (
        '{{ relation.schema }}.{{ relation.identifier }}',
        '{{ version }}',
        {{ "'" ~ previous ~ "'" if previous else 'null' }},
        {{ known.has_changes if is_same else has_changes }},
        '{{ action }}',
        '{{ definition }}',
        '{{ tojson(inputs, sort_keys=true) }}'
    )
{%- endmacro %}

{#- After a seed: its version is that of its rows, so that a file saved anew without a change changes nothing. -#}
{% macro note_seed() -%}
    {%- if execute and target.type == 'duckdb' %}
        insert into restated.versions (relation, version, previous_version, has_changes)
        select seeded.relation, seeded.version, latest.version, false
        from (
            select '{{ this.schema }}.{{ this.identifier }}' as relation, ({{ version_of(this) }}) as version
        ) as seeded
        left join restated.latest as latest on seeded.relation = latest.relation
        where seeded.version is distinct from latest.version
    {%- endif %}
{%- endmacro %}

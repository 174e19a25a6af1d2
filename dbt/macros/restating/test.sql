{#-
    A data test that has nothing to say twice: it is left out when it passed on the very content its tables still have, and asked of
    the rows that came since where it looks at each row, or at each key, alone.
-#}
{% materialization test, adapter='duckdb' %}
    {%- set own_name = 'test.' ~ model.alias %}
    {%- set inputs = input_versions(own_name) %}
    {%- set known = inputs.latest.get(own_name) %}
    {%- set definition = local_md5(sql ~ inputs.views | join(',')) %}
    {%- set before = fromjson(known.inputs) if known is not none else {} %}
    {%- set moved = [] %}
    {%- for name, version in inputs.versions.items() if not name.endswith('*') and before.get(name) != version %}
        {%- do moved.append(name) %}
    {%- endfor %}
    {%- set has_passed = known is not none and known.definition == definition and none not in inputs.versions.values() | list
        and not flags.FULL_REFRESH %}
    {%- call statement('main', fetch_result=True) -%}
        {%- if has_passed and not moved -%}
            select 0 as failures, false as should_warn, false as should_error
        {%- else -%}
            {{ get_test_sql(
                get_limit_subquery_sql(sql_over_changes(moved, before, inputs.latest) if has_passed else sql, config.get('limit')), config.get('fail_calc'), config.get('warn_if'), config.get('error_if'), limit=none
            ) }}
        {%- endif -%}
    {%- endcall -%}
    {%- set result = load_result('main').table.rows[0] %}
    {%- if before != inputs.versions and not result[1] and not result[2] and none not in inputs.versions.values() | list %}
        {%- call statement('note', auto_begin=True) -%}
            insert into restated.versions (relation, version, has_changes, definition, inputs)
            values ('{{ own_name }}', 'passed', false, '{{ definition }}', '{{ tojson(inputs.versions, sort_keys=true) }}')
        {%- endcall -%}
        {{ adapter.commit() }}
    {%- endif %}
    {{ return({'relations': []}) }}
{% endmaterialization %}

{#- The test's SQL over what came since it passed: the rows, or all rows of their keys; as it stands where that would not be enough. -#}
{% macro sql_over_changes(moved, before, latest) -%}
    {%- set tested = graph.nodes.get(model.attached_node) if model.test_metadata else none %}
    {%- set name = tested.schema ~ '.' ~ tested.alias if tested else none %}
    {%- if moved != [name] or not latest[name].has_changes or latest[name].previous_version != before.get(name) %}
        {{- return(sql) -}}
    {%- endif %}
    {%- set came = '(select * exclude (_sign) from restated.' ~ tested.schema ~ '__' ~ tested.alias ~ ' where _sign = 1)' %}
    {%- set kind = model.test_metadata.name %}
    {%- if kind in ['unique', 'unique_combination'] %}
        {%- set same_key = [] %}
        {%- for column in model.test_metadata.kwargs.get('columns') or [model.column_name] %}
            {%- do same_key.append('tested.' ~ column ~ ' is not distinct from came.' ~ column) %}
        {%- endfor %}
        {%- set came = '(select tested.* from ' ~ tested.relation_name ~ ' as tested semi join ' ~ came ~ ' as came on '
            ~ same_key | join(' and ') ~ ')' %}
    {%- elif kind not in ['not_null', 'accepted_values', 'within'] and (kind != 'relationships' or model.depends_on.nodes | length < 2) %}
        {{- return(sql) -}}
    {%- endif %}
    {{- return(sql | replace(tested.relation_name, came)) -}}
{%- endmacro %}

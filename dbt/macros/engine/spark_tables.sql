{#- How dbt-spark writes tables where there is no catalog that keeps them; the macros that it looks for under these names. -#}

{#- The folder of tonight's version of a table. Without CRM_SPARK_STORE the catalog of the cluster decides. -#}
{% macro spark__location_clause() -%}
    {%- if env_var('CRM_SPARK_STORE', '') %}
    location '{{ env_var("CRM_SPARK_STORE") }}/{{ model.schema }}/{{ model.alias }}/{{ env_var("CRM_SPARK_VERSION") }}'
    {%- endif -%}
{%- endmacro %}

{#- A contract's columns in its order and with its types; a null that it forbids ends the build, as in DuckDB. -#}
{% macro spark__get_select_subquery(sql) -%}
    select
    {%- for column in model.columns.values() %}
        {%- set is_required = column.constraints | selectattr('type', 'equalto', 'not_null') | list -%}
        {%- set missing = "raise_error('NOT NULL constraint failed: " ~ model.name ~ "." ~ column.name ~ "')" %}
        cast({{ 'coalesce(' ~ column.name ~ ', ' ~ missing ~ ')' if is_required else column.name }} as {{ column.data_type }}) as {{ column.name }}
        {{- ',' if not loop.last }}
    {%- endfor %}
    from (
        {{ sql }}
    ) as contracted
{%- endmacro %}

{#- A contract's columns are all there, and no other; `spark__get_select_subquery` gives them their types. -#}
{% macro spark__get_assert_columns_equivalent(sql) -%}
    {%- set found = get_column_schema_from_query(sql) | map(attribute='name') | list -%}
    {%- if found | sort != model.columns.values() | map(attribute='name') | list | sort -%}
        {%- do exceptions.raise_compiler_error('the contract of ' ~ model.name ~ ' and its SQL differ in their columns: ' ~ found | join(', ')) -%}
    {%- endif -%}
{%- endmacro %}

{#- Nothing to add to a table afterwards: what must not be null was looked at while it was written. -#}
{% macro spark__persist_constraints(relation, model) -%}
{%- endmacro %}

{#- Where no catalog keeps a view, it is a table. -#}
{% materialization view, adapter='spark' -%}
    {{ return(materialization_table_spark() if env_var('CRM_SPARK_STORE', '') else create_or_replace_view()) }}
{%- endmaterialization %}

{#- A seed as one statement: its rows as text, cast to the types that are declared. -#}
{% materialization seed, adapter='spark' -%}
    {%- set rows = load_agate_table() -%}
    {%- do store_result('agate_table', response='OK', agate_table=rows) -%}
    {%- set relation = this.incorporate(type='table') -%}
    {%- do adapter.drop_relation(relation) -%}
    {%- call statement('main') -%}
        create table {{ relation }}
        {{ file_format_clause() }}
        {{ location_clause() }}
        as
        {{ spark_seed_rows(rows, config.get('column_types', {})) }}
    {%- endcall -%}
    {{ return({'relations': [relation]}) }}
{%- endmaterialization %}

{% macro spark_seed_rows(rows, types) -%}
    select
    {%- for name in rows.column_names %}
        cast({{ name }} as {{ types.get(name, 'string') | replace('varchar', 'string') }}) as {{ name }}{{ ',' if not loop.last }}
    {%- endfor %}
    from (
        values
        {%- for row in rows.rows %}
        (
            {%- for cell in row -%}
                {%- if cell is none -%} cast(null as string)
                {%- else -%} '{{ cell | string | replace("\\", "\\\\") | replace("'", "\\'") }}'
                {%- endif -%}
                {{ ', ' if not loop.last }}
            {%- endfor -%}
        ){{ ',' if not loop.last }}
        {%- else %}
        ({% for name in rows.column_names %}cast(null as string){{ ', ' if not loop.last }}{% endfor %})
        {%- endfor %}
    ) as delivered ({{ rows.column_names | join(', ') }})
    {{ 'where false' if not rows.rows | length }}
{%- endmacro %}

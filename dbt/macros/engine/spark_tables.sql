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

{#- A table that is left alone when nothing it is made of changed, as in DuckDB (ADR 16); its keys are not restated one by one. -#}
{% materialization table, adapter='spark' -%}
    {{ return(spark_table() if env_var('CRM_SPARK_STORE', '') else dbt_spark.materialization_table_spark()) }}
{%- endmaterialization %}

{#- Where no catalog keeps a view, it is a table. -#}
{% materialization view, adapter='spark' -%}
    {{ return(spark_table() if env_var('CRM_SPARK_STORE', '') else create_or_replace_view()) }}
{%- endmaterialization %}

{% macro spark_table() -%}
    {%- set existing = load_cached_relation(this) -%}
    {%- set target_relation = this.incorporate(type='table') -%}
    {%- set plan = restating_plan(existing) -%}
    {{ run_hooks(pre_hooks) }}
    {%- if plan.action == 'nothing' %}
        {%- call statement('main') -%} select 'unchanged' {%- endcall -%}
        {%- if fromjson(plan.known.inputs) != plan.inputs %}
            {%- do run_query(note_version(
                target_relation, plan.known.version, known=plan.known, action='unchanged', definition=plan.definition, inputs=plan.inputs
            )) %}
        {%- endif %}
    {%- else %}
        {%- if spark_is_kept_by_month(model) %}
            {%- set version = spark_overwrite_months(target_relation, existing, plan) %}
        {%- else %}
            {%- do spark_replace(target_relation, create_table_as(False, target_relation, compiled_code)) %}
            {%- set version = run_query(spark_version_of(target_relation)).columns[1][0] %}
        {%- endif %}
        {%- do run_query(note_version(
            target_relation, version, known=plan.known, action='rebuilt', definition=plan.definition, inputs=plan.inputs
        )) %}
    {%- endif %}
    {{ run_hooks(post_hooks) }}
    {{ return({'relations': [target_relation]}) }}
{%- endmacro %}

{#- Another version in place of the one before, whose files stay until the new one is shown. -#}
{% macro spark_replace(relation, sql) -%}
    {%- do run_query('drop table if exists ' ~ relation) %}
    {%- call statement('main') -%}{{ sql }}{%- endcall -%}
{%- endmacro %}

{#-
    SQL that gives a relation's version: its rows, and an order-free hash over all their columns. Of a table that is kept by month that of
    each month, or of the months given. Spark's hash passes over nulls.
-#}
{% macro spark_version_of(relation, months=none) -%}
    {%- set by_month = "coalesce(cast(month as string), '')" if spark_is_kept_by_month(model) else "'whole'" -%}
    {%- set hashed = [] -%}
    {%- for column in adapter.get_columns_in_relation(relation) if not column.name.startswith('#') -%}
        {%- do hashed.append(column.quoted ~ ', ' ~ column.quoted ~ ' is null') -%}
    {%- endfor -%}
    select
        {{ by_month }} as month,
        concat(count(*), ':', coalesce(sum(cast(xxhash64({{ hashed | join(', ') }}) as decimal(38, 0))), 0)) as version
    from {{ relation }}
    {{ spark_in_months(months) }}
    {{ 'group by 1' if spark_is_kept_by_month(model) }}
{%- endmacro %}

{#- Whether it is remembered from night to night which content a table has: by our own runs, in DuckDB, whichever engine builds. -#}
{% macro remembers_versions() -%}
    {{- return(target.type == 'duckdb' or env_var('CRM_SPARK_STORE', '') != '') -}}
{%- endmacro %}

{#- Whether a model stays a view, so that what reads it reads what it is made of. -#}
{% macro is_kept_as_view(node) -%}
    {{- return(node.config.materialized == 'view' and target.type != 'spark') -}}
{%- endmacro %}

{#- A seed as one statement: its rows as text, cast to the types that are declared. -#}
{% materialization seed, adapter='spark' -%}
    {%- set rows = load_agate_table() -%}
    {%- do store_result('agate_table', response='OK', agate_table=rows) -%}
    {%- set relation = this.incorporate(type='table') -%}
    {%- set sql = spark_seed_rows(rows, config.get('column_types', {})) -%}
    {%- set version = local_md5(sql) -%}
    {%- set known = spark_known(relation) if remembers_versions() else none -%}
    {%- if known is not none and known.version == version and load_cached_relation(this) is not none %}
        {%- call statement('main') -%} select 'unchanged' {%- endcall -%}
    {%- else %}
        {%- do spark_replace(relation, 'create table ' ~ relation ~ file_format_clause() ~ location_clause() ~ ' as ' ~ sql) %}
        {%- if remembers_versions() %}
            {%- do run_query(note_version(relation, version, known=known)) %}
        {%- endif %}
    {%- endif %}
    {{ return({'relations': [relation]}) }}
{%- endmaterialization %}

{#- What is remembered of one relation, or none. -#}
{% macro spark_known(relation) -%}
    {%- set rows = run_query(
        "select version, previous_version, has_changes from restated.latest where relation = '"
        ~ relation.schema ~ '.' ~ relation.identifier ~ "'"
    ) %}
    {{- return({'version': rows[0][0], 'previous_version': rows[0][1], 'has_changes': rows[0][2]} if rows | length else none) -}}
{%- endmacro %}

{#- A data test that passed on the very content its tables still have is not asked again, as in DuckDB. -#}
{% materialization test, adapter='spark' -%}
    {{ return(materialization_test_duckdb() if remembers_versions() else dbt.materialization_test_default()) }}
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

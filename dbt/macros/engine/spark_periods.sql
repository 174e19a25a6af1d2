{#-
    How Spark keeps long tables by month: a night overwrites the months that changed (`insert overwrite` into those partitions), and the
    files of all others stay. A model that is local in `month` (`meta.restate.by`, ADR 16) is computed for those months only.
-#}

{#- Whether a model is kept by month: one that is local in it, and what such a model reads. -#}
{% macro spark_is_kept_by_month(node) -%}
    {%- set found = namespace(answer=is_local_in_month(node)) -%}
    {%- if not found.answer and node.resource_type == 'model' and 'month' in node.columns -%}
        {%- for reader in graph.nodes.values() if not found.answer and is_local_in_month(reader) -%}
            {%- set found.answer = node.unique_id in reader.depends_on.nodes -%}
        {%- endfor -%}
    {%- endif -%}
    {{- return(found.answer) -}}
{%- endmacro %}

{% macro is_local_in_month(node) -%}
    {{- return(node.resource_type == 'model' and 'month' in ((node.config.meta or {}).get('restate') or {}).get('by', [])) -}}
{%- endmacro %}

{#- Writes the months that tonight's changes reach, or all of them, and remembers the content of each; returns that of the whole. -#}
{% macro spark_overwrite_months(relation, existing, plan) -%}
    {%- do run_query("create table if not exists restated.months (relation varchar, content varchar, month varchar, version varchar)") -%}
    {%- set months = spark_reached_months(existing, plan) -%}
    {%- set sql = 'select * from (' ~ compiled_code ~ ') as computed ' ~ spark_in_months(months) -%}
    {%- if config.get('contract').enforced -%}
        {%- do get_assert_columns_equivalent(compiled_code) -%}
        {%- set columns = model.columns.values() | list -%}
        {%- set sql = get_select_subquery(sql) -%}
    {%- else -%}
        {%- set columns = get_column_schema_from_query(compiled_code) -%}
    {%- endif -%}
    {%- set declared, selected = [], [] -%}
    {%- for column in columns if column.name != 'month' -%}
        {%- do declared.append(column.name ~ ' ' ~ column.data_type) -%}
        {%- do selected.append(column.name) -%}
    {%- endfor -%}
    {%- do run_query('drop table if exists ' ~ relation) -%}
    {%- do run_query(spark_call('carry_over', relation, spark_folders(months))) -%}
    {%- do run_query(
        'create table ' ~ relation ~ ' (' ~ declared | join(', ') ~ ', month date) using parquet partitioned by (month) ' ~ location_clause()
    ) -%}
    {%- call statement('main') -%}
        insert overwrite table {{ relation }} partition (month)
        select /*+ rebalance(month) */ {{ selected | join(', ') }}, month
        from (
            {{ sql }}
        ) as written
    {%- endcall -%}
    {%- do run_query(spark_call('finish', relation)) -%}
    {{- return(spark_note_months(relation, plan, months)) -}}
{%- endmacro %}

{#- What our own session does to the files of a table, without Spark. -#}
{% macro spark_call(what, relation, argument='') -%}
    call store.{{ what }}('{{ relation.schema }}', '{{ relation.identifier }}', '{{ argument }}')
{%- endmacro %}

{#- The folders of months, `*` for all of them; the month that nobody knows is the empty text. -#}
{% macro spark_folders(months) -%}
    {%- if months is none -%}*
    {%- else -%}
        {%- for month in months -%}month={{ month or '__HIVE_DEFAULT_PARTITION__' }}{{ ',' if not loop.last }}{%- endfor -%}
    {%- endif -%}
{%- endmacro %}

{#- A condition by which Spark reads the folders of these months only; without months there is none. -#}
{% macro spark_in_months(months) -%}
    {%- if months is not none -%}
        where false
        {%- for month in months %} or {{ "month = date '" ~ month ~ "'" if month else 'month is null' }}{% endfor -%}
    {%- endif -%}
{%- endmacro %}

{#- The months that the changes of a model's inputs reach; none (all of them) unless every change is known month by month. -#}
{% macro spark_reached_months(existing, plan) -%}
    {%- if existing is none or plan.known is none or plan.known.definition != plan.definition or flags.FULL_REFRESH
            or none in plan.inputs.values() | list or not is_local_in_month(model) -%}
        {{- return(none) -}}
    {%- endif -%}
    {%- if spark_moved_months(this.schema ~ '.' ~ this.identifier, plan.known.version, plan.known.version) is none -%}
        {{- return(none) -}}
    {%- endif -%}
    {%- set before = fromjson(plan.known.inputs) -%}
    {%- set reached = namespace(months=[]) -%}
    {%- for name, version in plan.inputs.items() if reached.months is not none and not name.endswith('*') and before.get(name) != version -%}
        {%- set moved = none -%}
        {%- if spark_reaches_its_month(name, plan.nodes[name]) -%}
            {%- set moved = spark_moved_months(name, before.get(name), version) -%}
        {%- endif -%}
        {%- set reached.months = none if moved is none else reached.months + moved -%}
    {%- endfor -%}
    {{- return(none if reached.months is none else reached.months | unique | sort) -}}
{%- endmacro %}

{#- Whether a change of an input reaches no month but its own. -#}
{% macro spark_reaches_its_month(name, node) -%}
    {%- set restate = config.get('meta').restate -%}
    {%- set reach = reach_of(name, node, restate) if spark_is_kept_by_month(node) else none -%}
    {%- set answer = namespace(yes=reach is not none) -%}
    {%- for one in ([reach] if reach is string or reach is mapping else reach or []) -%}
        {%- set answer.yes = answer.yes and (one == 'same' or (one is mapping and one.get('select', {}).get('month') == 'month')) -%}
    {%- endfor -%}
    {{- return(answer.yes) -}}
{%- endmacro %}

{#- The months in which two contents of a table differ, or none if one of the two is not remembered. -#}
{% macro spark_moved_months(name, before, now) -%}
    {%- set found = {before: [], now: []} -%}
    {%- for row in run_query("select content, month, version from restated.months where relation = '" ~ name ~ "'") if row[0] in found -%}
        {%- do found[row[0]].append((row[1], row[2])) -%}
    {%- endfor -%}
    {%- if not (before in found and found[before] and found[now]) -%}
        {{- return(none) -}}
    {%- endif -%}
    {%- set months = [] -%}
    {%- for one in found[before] if one not in found[now] -%}{%- do months.append(one[0]) -%}{%- endfor -%}
    {%- for one in found[now] if one not in found[before] -%}{%- do months.append(one[0]) -%}{%- endfor -%}
    {{- return(months | unique | list) -}}
{%- endmacro %}

{#- Remembers the content of each month that was written, and keeps what is known of the others; returns the version of the whole. -#}
{% macro spark_note_months(relation, plan, months) -%}
    {%- set name = relation.schema ~ '.' ~ relation.identifier -%}
    {%- set contents = {} -%}
    {%- if months is not none -%}
        {%- for row in run_query(
            "select month, version from restated.months where relation = '" ~ name ~ "' and content = '" ~ plan.known.version ~ "'"
        ) if row[0] not in months -%}
            {%- do contents.update({row[0]: row[1]}) -%}
        {%- endfor -%}
    {%- endif -%}
    {%- for row in run_query(spark_version_of(relation, months)) -%}
        {%- do contents.update({row[0]: row[1]}) -%}
    {%- endfor -%}
    {%- set total = namespace(rows=0, hash=0) -%}
    {%- set noted = [] -%}
    {%- for month, version in contents.items() -%}
        {%- set total.rows = total.rows + version.split(':')[0] | int -%}
        {%- set total.hash = total.hash + version.split(':')[1] | int -%}
    {%- endfor -%}
    {%- set content = total.rows ~ ':' ~ total.hash -%}
    {%- for month, version in contents.items() -%}
        {%- do noted.append("('" ~ [name, content, month, version] | join("', '") ~ "')") -%}
    {%- endfor -%}
    {%- do run_query(
        "delete from restated.months where relation = '" ~ name ~ "' and (content = '" ~ content ~ "'"
        ~ " or content <> '" ~ (plan.known.version if plan.known else '') ~ "')"
    ) -%}
    {%- if noted -%}
        {%- do run_query('insert into restated.months values ' ~ noted | join(', ')) -%}
    {%- endif -%}
    {{- return(content) -}}
{%- endmacro %}

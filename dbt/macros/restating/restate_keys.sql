{#-
    Restates the keys that changes reach: the model's own SQL over inputs narrowed to those keys, compared with the rows that
    are there. Rows that stay the same are not written again. Where changes reach more than a quarter, everything is cheaper.
-#}
{% macro restate_keys(existing, target_relation, plan) -%}
    {%- set by = config.get('meta').restate.by | join(', ') %}
    {%- set reached = target_relation.identifier ~ '__reached' %}
    {%- set together = config.get('meta').restate.get('together') %}
    {%- call statement('reach', auto_begin=True) -%}
        create or replace temp table {{ reached }} as
        select distinct {{ by }} from (
            {%- for name, reach in plan.reached.items() %}
            {{ reached_keys(name, plan.nodes[name], reach, by, plan.code) }}
            {{ 'union all' if not loop.last }}
            {%- endfor %}
        );
        {{ reach_whole_groups(reached, by, together) if together }}
    {%- endcall -%}
    {%- set count = run_query('select count(*) from ' ~ reached).columns[0][0] | int %}
    {%- if count == 0 %}
        {%- call statement('main') -%}
            {{ note_version(
                target_relation, plan.known.version, known=plan.known, action='unchanged', definition=plan.definition, inputs=plan.inputs
            ) }}
        {%- endcall -%}
    {%- elif count * 4 > plan.known.version.split(':')[0] | int %}
        {%- do rebuild_table(existing, target_relation, plan) %}
    {%- else %}
        {%- do replace_keys(target_relation, plan, reached, by) %}
    {%- endif %}
    {%- call statement('forget') -%} drop table {{ reached }} {%- endcall -%}
{%- endmacro %}

{#-
    Computes the rows of the keys in `reached`, and puts those that differ in the place of the old ones. These are found by their
    key columns and fetched by row number: the other columns of a long table are not read for few rows.
-#}
{% macro replace_keys(target_relation, plan, reached, by) -%}
    {%- set kept = 'restated.' ~ target_relation.schema ~ '__' ~ target_relation.identifier %}
    {%- set fresh = target_relation.identifier ~ '__fresh' %}
    {%- set stale = target_relation.identifier ~ '__stale' %}
    {%- call statement('main') -%}
        create or replace temp table {{ stale }} as
        from {{ target_relation }} where rowid in (select rowid from {{ target_relation }} semi join {{ reached }} using ({{ by }}));
        create or replace temp table {{ fresh }} as from {{ stale }} limit 0;
        insert into {{ fresh }} by name
        from (
            {{ narrowed_sql(reached) }}
        ) semi join {{ reached }} using ({{ by }});
        {{ keep_changes(target_relation, stale, fresh) }};
        delete from {{ target_relation }} where ({{ by }}) in (select ({{ by }}) from {{ kept }});
        insert into {{ target_relation }} from {{ fresh }} semi join {{ kept }} using ({{ by }});
        drop table {{ stale }};
        drop table {{ fresh }}
    {%- endcall -%}
    {%- set version = run_query(version_after(plan.known.version, kept)).columns[0][0] %}
    {%- call statement('note') -%}
        {{ note_version(
            target_relation, version, known=plan.known, has_changes=true, action='restated', definition=plan.definition, inputs=plan.inputs
        ) }}
    {%- endcall -%}
{%- endmacro %}

{#-
    Keys that the changes of one input reach. A reach is
    - `same`: the input has the key columns;
    - `select`: {key column: an expression over the input's columns};
    - `through` (a relation or subquery that has the key columns; the model itself when not given) and `match` ({column of that
      relation: column of the input}; when not given, every key of that relation is reached);
    - a list of these. A feed's changes are the rows of its new batches, and what is read by column has a reach for each column.
-#}
{% macro reached_keys(name, node, reach, by, code) -%}
    {%- set changes -%}
        {%- if name.startswith('raw.') -%}
            (from {{ name }} where _batch_id in (select batch_id from restated.raw_batches where relation = '{{ name }}' and is_new))
        {%- else -%}
            {{ relevant_changes(name, node, code) }}
        {%- endif -%}
    {%- endset -%}
    {%- for one in ([reach] if reach is string or reach is mapping else reach) %}
    {%- if one == 'same' %}
    select {{ by }} from {{ changes }}
    {%- elif 'select' in one %}
    select {{ by }} from (select {% for column, expression in one.select.items() %}{{ expression }} as {{ column }}{{ ', ' if not loop.last }}{% endfor %} from {{ changes }})
    {%- else %}
    select {{ by }} from {{ one.get('through', this) }} as owners
    {%- if 'between' in one %}
    where {{ one.between }} > least(date '{{ one.before }}', date '{{ one.now }}')
        and {{ one.between }} <= greatest(date '{{ one.before }}', date '{{ one.now }}')
    {%- elif 'match' in one %}
    where ({{ one.match.keys() | join(', ') }}) in (select ({{ one.match.values() | join(', ') }}) from {{ changes }})
    {%- endif %}
    {%- endif %}
    {{ 'union all' if not loop.last }}
    {%- endfor %}
{%- endmacro %}

{#- SQL that reaches every key of a group of which one was reached: `together` is {through: a relation, by: [columns of the group]}. -#}
{% macro reach_whole_groups(reached, by, together) -%}
    insert into {{ reached }}
    select distinct {{ by }} from {{ together.through }} as owners
    where ({{ together.by | join(', ') }}) in (
        select ({{ together.by | join(', ') }}) from {{ together.through }} as members semi join {{ reached }} using ({{ by }})
    )
    except from {{ reached }}
{%- endmacro %}

{#-
    Changed rows of a table without those in which only columns changed that do not matter: a contract's column is named in it,
    in the code, or in the reach; without a contract every column matters that does not start with `_`.
-#}
{% macro relevant_changes(name, node, code) -%}
    {%- set declared = code ~ ' ' ~ model.columns.keys() | join(' ') ~ ' ' ~ tojson(config.get('meta').restate) %}
    {%- set has_contract = model.config.contract.enforced %}
    {%- set kept = 'restated.' ~ name | replace('.', '__') %}
    {%- set columns = [] %}
    {%- for column in columns_of(node) %}
        {%- if is_named(column, declared) or not (has_contract or column.startswith('_')) %}
            {%- do columns.append(column) %}
        {%- endif %}
    {%- endfor %}
    (select {{ columns | join(', ') }} from {{ kept }} group by all having sum(_sign) <> 0)
{%- endmacro %}

{#-
    The model's SQL with its inputs narrowed to the keys reached: those in `narrow`, else every input that has the key columns.
    `narrow` is a list of inputs, or a mapping that tells by which of its columns, or expressions over them, an input has key columns:
    {input: {key column: its column}}.
-#}
{% macro narrowed_sql(reached) -%}
    {%- set sql = namespace(text=compiled_code) %}
    {%- set narrow = config.get('meta').restate.get('narrow', none) %}
    {%- for unique_id in model.depends_on.nodes %}
        {%- set node = graph.nodes.get(unique_id) or graph.sources[unique_id] %}
        {%- set name = node.schema ~ '.' ~ (node.alias or node.identifier) %}
        {%- set is_narrowed = has_columns(node, config.get('meta').restate.by) if narrow is none else name.split('.')[1] in narrow %}
        {%- if is_narrowed %}
            {%- set named = narrow[name.split('.')[1]] if narrow is mapping else {} %}
            {%- set conditions = [] %}
            {%- for column in named or config.get('meta').restate.by %}
                {%- set own = named.get(column, column) %}
                {%- do conditions.append('keys.' ~ column ~ ' = ' ~ ('narrowed.' ~ own if modules.re.fullmatch('\\w+', own) else own)) %}
            {%- endfor %}
            {%- set sql.text = sql.text | replace(
                node.relation_name,
                '(select narrowed.* from ' ~ node.relation_name ~ ' as narrowed semi join ' ~ reached ~ ' as keys on '
                ~ conditions | join(' and ') ~ ')'
            ) %}
        {%- endif %}
    {%- endfor %}
    {{- return(sql.text) -}}
{%- endmacro %}

{#- SQL of a version after changes: counts and hashes add up. -#}
{% macro version_after(version, kept) -%}
    {%- set count, content = version.split(':') %}
    select
        {{ count }} + coalesce(sum(_sign), 0) || ':'
        || cast({{ content }} as hugeint) + coalesce(sum(_sign * cast(hash(*columns(* exclude (_sign))) as hugeint)), 0)
    from {{ kept }}
{%- endmacro %}

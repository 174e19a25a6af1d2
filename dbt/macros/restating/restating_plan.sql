{#-
    What a model has to do tonight: `nothing` (its SQL and the content of its inputs are those it was made of), `keys` (restate
    the keys that the changes of its inputs reach) or `everything`. In doubt everything.

    Returns the action, with `known` (what is remembered of the model), `inputs` (versions by relation), `definition`, and
    `reached` (the reach of each changed input).
-#}
{% macro restating_plan(existing) -%}
    {%- set restate = (config.get('meta') or {}).get('restate') %}
    {%- set own_name = this.schema ~ '.' ~ this.identifier %}
    {%- set inputs = input_versions(own_name) %}
    {%- set latest = inputs.latest %}
    {%- set known = latest.get(own_name) %}
    {%- set definition = definition_of_model(inputs.views) %}
    {%- set plan = namespace(action='everything', reached={}) %}
    {%- if existing is not none and existing.is_table and known is not none and known.definition == definition
            and none not in inputs.versions.values() | list and not flags.FULL_REFRESH %}
        {%- set before = fromjson(known.inputs) %}
        {%- set plan.action = 'nothing' %}
        {%- for name, version in inputs.versions.items()
                if not name.endswith('*') and before.get(name) != version and plan.action != 'everything' %}
            {%- set is_known_change = latest[name].has_changes and latest[name].previous_version == before.get(name) %}
            {%- set reach = none %}
            {%- if restate and name in inputs.by_column %}
                {%- set reach = reach_of_columns(before.get(name), version, restate.get('reach', {}).get(name.split('.')[1], {})) %}
            {%- elif restate and is_known_change %}
                {%- set reach = reach_of(name, inputs.nodes[name], restate) %}
            {%- endif %}
            {%- set plan.action = 'keys' if reach else 'everything' %}
            {%- do plan.reached.update({name: reach}) %}
        {%- endfor %}
    {%- endif %}
    {{- return({'action': plan.action, 'known': known, 'inputs': inputs.versions, 'definition': definition, 'reached': plan.reached, 'code': inputs.code, 'nodes': inputs.nodes}) -}}
{%- endmacro %}

{#- What is remembered of the model and of every table, seed and source it reads, itself or through views. -#}
{% macro input_versions(own_name) -%}
    {%- set pending = model.depends_on.nodes | list %}
    {%- set nodes = {} %}
    {%- set views = [] %}
    {%- set by_column = [] %}
    {%- set code = [sql if model.resource_type == 'test' else compiled_code] %}
    {%- for unique_id in pending %}
        {%- set node = graph.nodes.get(unique_id) or graph.sources[unique_id] %}
        {%- if node.resource_type == 'model' and is_kept_as_view(node) %}
            {%- do views.append(node.checksum.checksum) %}
            {%- do code.append(node.raw_code) %}
            {%- do pending.extend(node.depends_on.nodes) %}
        {%- else %}
            {%- set name = node.schema ~ '.' ~ (node.alias or node.identifier) %}
            {%- do nodes.update({name: node}) %}
            {%- if node.resource_type == 'model' and node.config.meta.get('is_read_by_column') and name not in by_column %}
                {%- do by_column.append(name) %}
            {%- endif %}
        {%- endif %}
    {%- endfor %}
    {%- set latest = {} %}
    {%- for row in run_query(
        "select relation, version, previous_version, has_changes, definition, inputs from restated.latest where relation in ('"
        ~ (nodes.keys() | list + [own_name]) | join("', '") ~ "')"
    ) %}
        {%- do latest.update({row[0]: {
            'version': row[1], 'previous_version': row[2], 'has_changes': row[3], 'definition': row[4], 'inputs': row[5],
        }}) %}
    {%- endfor %}
    {%- set versions = {} %}
    {%- for name, node in nodes.items() %}
        {%- set version = latest[name].version if name in latest else none %}
        {%- do versions.update({name: version_of_named_columns(name, node, code | join(' ')) if version and name in by_column else version}) %}
    {%- endfor %}
    {#- Beside the version of its named columns that of the whole table, by which it is seen from outside that nothing changed. -#}
    {%- for name in by_column if name in latest %}
        {%- do versions.update({name ~ '*': latest[name].version}) %}
    {%- endfor %}
    {{- return({'versions': versions, 'latest': latest, 'views': views, 'by_column': by_column, 'code': code | join(' '), 'nodes': nodes}) -}}
{%- endmacro %}

{#- How changes of an input reach the keys of the model: as declared, by the key columns themselves if it has them, or not at all. -#}
{% macro reach_of(name, node, restate) -%}
    {{- return(restate.get('reach', {}).get(name.split('.')[1]) or ('same' if has_columns(node, restate.by) else none)) -}}
{%- endmacro %}

{#- Whether an input has all of these columns. -#}
{% macro has_columns(node, wanted) -%}
    {{- return(wanted | reject('in', columns_of(node)) | list | length == 0) -}}
{%- endmacro %}

{#- Names of an input's columns: a contract tells them, otherwise the table itself. -#}
{% macro columns_of(node) -%}
    {%- if node.config.get('contract', {}).get('enforced') %}
        {{- return(node.columns.keys() | list) -}}
    {%- endif %}
    {%- set relation = api.Relation.create(database=this.database, schema=node.schema, identifier=node.alias or node.identifier) %}
    {{- return(adapter.get_columns_in_relation(relation) | map(attribute='name') | list) -}}
{%- endmacro %}

{#- What a model is: its SQL, the views it reads through, and its declared columns. -#}
{% macro definition_of_model(views) -%}
    {%- set declared = [] %}
    {%- for column in model.columns.values() %}
        {%- do declared.append(column.name ~ ' ' ~ column.data_type ~ ' ' ~ column.constraints | length) %}
    {%- endfor %}
    {{- return(local_md5(compiled_code ~ views | join(',') ~ declared | join(','))) -}}
{%- endmacro %}

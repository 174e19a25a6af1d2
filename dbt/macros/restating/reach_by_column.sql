{#-
    Version of the columns of a table of one row that the code names, as `column=value|…`: who reads one parameter does not
    depend on the others, and what a value was the night before can be read from it.
-#}
{% macro version_of_named_columns(name, node, code) -%}
    {%- set named = [] %}
    {%- for column in columns_of(node) if is_named(column, code) %}
        {%- do named.append("'" ~ column ~ "=' || coalesce(replace(cast(" ~ column ~ " as string), '''', ''), '')") %}
    {%- endfor %}
    {{- return(run_query(
        "select coalesce(string_agg(concat_ws('|', " ~ (named or ["'-'"]) | join(', ') ~ "), ';'), '-') from " ~ name
    ).columns[0][0]) -}}
{%- endmacro %}

{#- Whether a column's name stands in the code, as a word. -#}
{% macro is_named(column, code) -%}
    {{- return(modules.re.search('\\b' ~ column ~ '\\b', code) is not none) -}}
{%- endmacro %}

{#-
    The reach of a table that is read by column: that of each column that changed ({column: reach}), nothing if one of them has none.
    With `between` (a date of `through`) only keys after the earlier and up to the later one of the value before and the value now.
-#}
{% macro reach_of_columns(before, now, declared) -%}
    {%- set moved = namespace(reaches=[], is_known=before is not none and before.count('|') == now.count('|')) %}
    {%- if moved.is_known %}
        {%- for old, new in zip(before.split('|'), now.split('|')) if old != new %}
            {%- set column = new.split('=')[0] %}
            {%- set reaches = declared.get(column) or [] %}
            {%- set moved.is_known = moved.is_known and reaches and old.startswith(column ~ '=') %}
            {%- for reach in ([reaches] if reaches is mapping else reaches) %}
                {%- do moved.reaches.append(dict(reach, before=old[column | length + 1:], now=new[column | length + 1:])) %}
            {%- endfor %}
        {%- endfor %}
    {%- endif %}
    {{- return(moved.reaches if moved.is_known else none) -}}
{%- endmacro %}

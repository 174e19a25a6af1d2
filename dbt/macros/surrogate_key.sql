{#- Key of a row: md5 over its natural key, parts joined by '|'; a null part counts as empty text. -#}
{% macro surrogate_key(columns) -%}
    md5(
        {%- for column in columns -%}
            {{ " || '|' || " if not loop.first }}coalesce(cast({{ column }} as string), '')
        {%- endfor -%}
    )
{%- endmacro %}

{#- Text functions whose spelling or answer differs between DuckDB and Spark. Patterns avoid backslashes: Spark eats them. -#}

{#- Every match of a regular expression (given as plain text) replaced by an expression, not the first match only. -#}
{% macro replace_pattern(text, pattern, replacement) -%}
    {%- if target.type == 'spark' -%}
        regexp_replace({{ text }}, '{{ pattern }}', {{ replacement }})
    {%- else -%}
        regexp_replace({{ text }}, '{{ pattern }}', {{ replacement }}, 'g')
    {%- endif -%}
{%- endmacro %}

{#- SHA-256 as lower-case hex. -#}
{% macro sha256_hex(text) -%}
    {{ 'sha2(' ~ text ~ ', 256)' if target.type == 'spark' else 'sha256(' ~ text ~ ')' }}
{%- endmacro %}

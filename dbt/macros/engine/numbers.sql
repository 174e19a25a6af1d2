{#- Arithmetic that DuckDB and Spark answer differently in the last digit. -#}

{#-
    A double with so many decimals, halves away from zero. Both engines judge the double itself: Spark's own rounding, and its cast
    of a double to a decimal, judge its shortest text, so that 311.465 (a little less, as a double) would go up there only.
-#}
{% macro rounded(value, digits) -%}
    {%- if target.type == 'spark' -%}
        round(({{ value }}) * 1e{{ digits }}) / 1e{{ digits }}
    {%- else -%}
        round({{ value }}, {{ digits }})
    {%- endif -%}
{%- endmacro %}

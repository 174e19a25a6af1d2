{#- A ratio as fraction: null, never 0 and never an error, when there is nothing to divide by. -#}
{% macro safe_ratio(numerator, denominator) -%}
    cast({{ numerator }} as double) / nullif(cast({{ denominator }} as double), 0)
{%- endmacro %}

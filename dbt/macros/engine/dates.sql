{#- Date arithmetic whose spelling or answer differs between DuckDB and Spark; nothing else may branch on the engine. -#}

{#- Whole days from one date to another; negative when the second comes first. -#}
{% macro days_between(start_date, end_date) -%}
    {%- if target.type == 'spark' -%}
        datediff({{ end_date }}, {{ start_date }})
    {%- else -%}
        date_diff('day', {{ start_date }}, {{ end_date }})
    {%- endif -%}
{%- endmacro %}

{#- Days with decimals from one timestamp to another. -#}
{% macro elapsed_days(start_at, end_at) -%}
    {%- if target.type == 'spark' -%}
        cast(unix_micros({{ end_at }}) - unix_micros({{ start_at }}) as double) / cast(86400000000 as double)
    {%- else -%}
        cast(date_diff('microsecond', {{ start_at }}, {{ end_at }}) as double) / cast(86400000000 as double)
    {%- endif -%}
{%- endmacro %}

{#- A date so many days or months later (earlier when negative); the 31st plus a month is the last day of that month. -#}
{% macro date_plus(day, count, unit='day') -%}
    {%- if target.type == 'spark' -%}
        {{ 'add_months' if unit == 'month' else 'date_add' }}({{ day }}, cast({{ count }} as int))
    {%- else -%}
        cast({{ day }} + {{ 'to_months' if unit == 'month' else 'to_days' }}(cast({{ count }} as int)) as date)
    {%- endif -%}
{%- endmacro %}

{#- Clock time of a place and back, whose spelling differs between DuckDB and Spark. Timestamps carry no zone; `_at` columns are UTC. -#}

{#- What the clock of a zone (Europe/Berlin) shows at a moment in UTC. -#}
{% macro local_time(moment, zone) -%}
    {%- if target.type == 'spark' -%}
        from_utc_timestamp({{ moment }}, {{ zone }})
    {%- else -%}
        timezone({{ zone }}, timezone('UTC', {{ moment }}))
    {%- endif -%}
{%- endmacro %}

{#- The moment in UTC at which the clock of a zone shows a time; of an hour that comes twice, or never, either reading is right. -#}
{% macro utc_time(shown, zone) -%}
    {%- if target.type == 'spark' -%}
        to_utc_timestamp({{ shown }}, {{ zone }})
    {%- else -%}
        timezone('UTC', timezone({{ zone }}, {{ shown }}))
    {%- endif -%}
{%- endmacro %}

{#-
    A table that costs what changed: left alone when nothing it is made of changed, restated for the keys that changes reach where
    its YAML says how (`meta.restate`), built anew otherwise. Its SQL is one SELECT that knows nothing of this (ADR 16).
-#}
{% materialization table, adapter='duckdb' %}
    {%- set existing = load_cached_relation(this) -%}
    {%- set target_relation = this.incorporate(type='table') -%}
    {{ run_hooks(pre_hooks, inside_transaction=False) }}
    {{ run_hooks(pre_hooks, inside_transaction=True) }}
    {%- set plan = restating_plan(existing) -%}

    {%- if plan.action == 'nothing' %}
        {%- call statement('main') -%}
            {%- if fromjson(plan.known.inputs) == plan.inputs -%}
                select 'unchanged'
            {%- else -%}
                {{ note_version(
                    target_relation, plan.known.version, known=plan.known, action='unchanged', definition=plan.definition, inputs=plan.inputs
                ) }}
            {%- endif -%}
        {%- endcall -%}
    {%- elif plan.action == 'keys' %}
        {%- do restate_keys(existing, target_relation, plan) %}
    {%- else %}
        {%- do rebuild_table(existing, target_relation, plan) %}
    {%- endif %}

    {{ run_hooks(post_hooks, inside_transaction=True) }}
    {{ adapter.commit() }}
    {{ run_hooks(post_hooks, inside_transaction=False) }}
    {{ return({'relations': [target_relation]}) }}
{% endmaterialization %}

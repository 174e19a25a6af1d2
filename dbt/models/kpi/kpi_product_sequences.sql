{#- Grain: one row per set of one to six products and product that customers bought in the window after it. -#}

with rules as (

    select * from {{ ref('pred_sequence_rules') }}
    where purpose = 'today'

),

products as (

    select * from {{ ref('dim_products') }}

),

final as (

    select
        rules.rule_key,
        row_number() over (
            order by rules.is_significant desc, rules.antecedent_size asc, rules.lower_rate - rules.baseline_rate desc, rules.rule_key asc
        ) as rank_number,
        products_1.product_name
        {%- for n in range(2, 7) %}
        || coalesce(' + ' || products_{{ n }}.product_name, '')
        {%- endfor %} as antecedent_name,
        offered.product_name as offered_product_name,
        rules.antecedent_size,
        {% for n in range(1, 7) -%}
        rules.product_key_{{ n }},
        {% endfor -%}
        rules.offered_product_key,
        rules.lag_min_days,
        rules.lag_max_days,
        rules.antecedent_count,
        rules.both_count,
        rules.confidence_rate,
        rules.lower_rate,
        rules.upper_rate,
        rules.baseline_rate,
        rules.lift,
        rules.chance_rate,
        rules.is_significant
    from rules
    inner join products as offered on rules.offered_product_key = offered.product_key
    inner join products as products_1 on rules.product_key_1 = products_1.product_key
    {%- for n in range(2, 7) %}
    left join products as products_{{ n }} on rules.product_key_{{ n }} = products_{{ n }}.product_key
    {%- endfor %}

)

select * from final

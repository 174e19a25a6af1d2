{#- Grain: one row per unit, set of one to three products and product that is frequently together with it. -#}

with rules as (

    select * from {{ ref('pred_affinity_rules') }}
    where purpose = 'today'

),

products as (

    select * from {{ ref('dim_products') }}

),

final as (

    select
        rules.rule_key,
        rules.unit,
        row_number() over (
            partition by rules.unit
            order by rules.is_significant desc, rules.antecedent_size asc, rules.leverage_rate desc, rules.lift desc, rules.rule_key asc
        ) as rank_number,
        firsts.product_name
        || coalesce(' + ' || seconds.product_name, '')
        || coalesce(' + ' || thirds.product_name, '') as antecedent_name,
        offered.product_name as offered_product_name,
        rules.antecedent_size,
        rules.product_key_1,
        rules.product_key_2,
        rules.product_key_3,
        rules.offered_product_key,
        rules.basket_count,
        rules.antecedent_count,
        rules.consequent_count,
        rules.both_count,
        rules.expected_count,
        rules.support_rate,
        rules.confidence_rate,
        rules.lift,
        rules.leverage_rate,
        rules.conviction,
        rules.chance_rate,
        rules.is_significant
    from rules
    inner join products as firsts on rules.product_key_1 = firsts.product_key
    left join products as seconds on rules.product_key_2 = seconds.product_key
    left join products as thirds on rules.product_key_3 = thirds.product_key
    inner join products as offered on rules.offered_product_key = offered.product_key

)

select * from final

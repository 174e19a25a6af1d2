{#- Grain: one row per purpose, unit, basket and product that is in it. -#}

with rule_items as (

    select * from {{ ref('pred_rule_items') }}

),

-- Offers are tried on what customers have, so only these rules are learned a second time for the holdout.
final as (

    select
        purpose,
        'basket' as unit,
        order_key as basket_key,
        customer_type,
        product_key
    from rule_items
    where purpose = 'today'
    union all
    select
        purpose,
        'customer' as unit,
        customer_key as basket_key,
        customer_type,
        product_key
    from rule_items
    where customer_key <> 'unknown'
    group by purpose, customer_key, customer_type, product_key

)

select * from final

{#- Grain: one row per purpose, unit, basket and product that is in it. -#}

with cutoffs as (

    select * from {{ ref('pred_cutoffs') }}
    where purpose <> 'fit'

),

order_items as (

    select * from {{ ref('pred_order_items') }}

),

-- What is there on the last day that may be seen; what came back later is still there.
kept as (

    select
        cutoffs.purpose,
        order_items.order_key,
        order_items.customer_key,
        order_items.customer_type,
        order_items.product_key
    from order_items
    inner join cutoffs
        on
            order_items.order_date <= cutoffs.through_date
            and (order_items.returned_date is null or order_items.returned_date > cutoffs.through_date)

),

-- Offers are tried on what customers have, so only these rules are learned a second time for the holdout.
final as (

    select
        purpose,
        'basket' as unit,
        order_key as basket_key,
        customer_type,
        product_key
    from kept
    where purpose = 'today'
    union all
    select
        purpose,
        'customer' as unit,
        customer_key as basket_key,
        customer_type,
        product_key
    from kept
    where customer_key <> 'unknown'
    group by purpose, customer_key, customer_type, product_key

)

select * from final

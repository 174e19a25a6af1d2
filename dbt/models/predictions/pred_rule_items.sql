{#- Grain: one row per purpose, order and product in it that was there on the last day that rules may see. -#}

with cutoffs as (

    select * from {{ ref('pred_rule_cutoffs') }}

),

order_items as (

    select * from {{ ref('pred_order_items') }}

),

-- What came back later is still there: an order, a return of this week changes nothing here.
final as (

    select
        cutoffs.purpose,
        order_items.order_key,
        order_items.customer_key,
        order_items.customer_type,
        order_items.product_key,
        order_items.order_date
    from order_items
    inner join cutoffs
        on
            order_items.order_date <= cutoffs.through_date
            and (order_items.returned_date is null or order_items.returned_date > cutoffs.through_date)

)

select * from final

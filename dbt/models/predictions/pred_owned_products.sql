{#- Grain: one row per purpose (today, holdout), customer and product that he has. -#}

with cutoffs as (

    select * from {{ ref('pred_cutoffs') }}
    where purpose <> 'fit'

),

order_items as (

    select * from {{ ref('pred_order_items') }}
    where customer_key <> 'unknown'

),

-- What came back by the last day that may be seen is not owned, what came back later still is.
kept as (

    select
        cutoffs.purpose,
        order_items.customer_key,
        order_items.product_key,
        min(order_items.order_date) as first_order_date
    from order_items
    inner join cutoffs
        on
            order_items.order_date <= cutoffs.through_date
            and (order_items.returned_date is null or order_items.returned_date > cutoffs.through_date)
    group by cutoffs.purpose, order_items.customer_key, order_items.product_key

),

final as (

    select
        purpose,
        customer_key,
        product_key,
        first_order_date
    from kept

)

select * from final

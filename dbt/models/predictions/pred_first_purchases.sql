{#- Grain: one row per purpose, known customer and product bought and not given back. -#}

with cutoffs as (

    select * from {{ ref('pred_cutoffs') }}
    where purpose <> 'fit'

),

order_items as (

    select * from {{ ref('pred_order_items') }}
    where customer_key <> 'unknown'

),

firsts as (

    select
        cutoffs.purpose,
        order_items.customer_key,
        order_items.product_key,
        min(order_items.order_date) as first_date
    from order_items
    inner join cutoffs
        on
            order_items.order_date <= cutoffs.through_date
            and (order_items.returned_date is null or order_items.returned_date > cutoffs.through_date)
    group by cutoffs.purpose, order_items.customer_key, order_items.product_key

),

-- Numbers of a product and of a customer belong to one purpose, so that joins need nothing else.
final as (

    select
        purpose,
        customer_key,
        product_key,
        first_date,
        cast(dense_rank() over (order by purpose asc, product_key asc) as int) as product_number,
        dense_rank() over (order by purpose asc, customer_key asc) as customer_number
    from firsts

)

select * from final

{#- Grain: one row per purpose, known customer and product bought and not given back. -#}

with rule_items as (

    select * from {{ ref('pred_rule_items') }}
    where customer_key <> 'unknown'

),

firsts as (

    select
        purpose,
        customer_key,
        product_key,
        min(order_date) as first_date
    from rule_items
    group by purpose, customer_key, product_key

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

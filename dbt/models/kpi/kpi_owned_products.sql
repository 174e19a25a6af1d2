{#- Grain: one row per customer and product bought and not given back. -#}

with order_lines as (

    select * from {{ ref('fct_order_lines') }}
    where is_countable and customer_key <> 'unknown' and product_key <> 'unknown'

),

returns as (

    select * from {{ ref('fct_returns') }}
    where is_countable and customer_key <> 'unknown' and product_key <> 'unknown'

),

customers as (

    select * from {{ ref('dim_customers') }}
    where is_current

),

quantities as (

    select
        customer_key,
        product_key,
        quantity
    from order_lines
    union all
    select
        customer_key,
        product_key,
        -quantity as quantity
    from returns

),

kept as (

    select
        customer_key,
        product_key,
        sum(quantity) as quantity
    from quantities
    group by customer_key, product_key
    having sum(quantity) > 0

),

final as (

    select
        {{ surrogate_key(['kept.customer_key', 'kept.product_key']) }} as owned_product_key,
        kept.customer_key,
        kept.product_key,
        customers.customer_type,
        cast(kept.quantity as decimal(18, 4)) as quantity
    from kept
    inner join customers on kept.customer_key = customers.customer_key

)

select * from final

{#- Grain: one row per customer and product bought and not given back. -#}

with order_lines as (

    select * from {{ ref('fct_order_lines') }}
    where is_countable and customer_key <> 'unknown' and product_key <> 'unknown'

),

returns as (

    select * from {{ ref('fct_returns') }}
    where is_countable and customer_key <> 'unknown' and product_key <> 'unknown'

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

final as (

    select
        {{ surrogate_key(['customer_key', 'product_key']) }} as owned_product_key,
        customer_key,
        product_key,
        cast(sum(quantity) as decimal(18, 4)) as quantity
    from quantities
    group by customer_key, product_key
    having sum(quantity) > 0

)

select * from final

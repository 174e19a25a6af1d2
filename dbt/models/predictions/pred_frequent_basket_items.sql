{#- Grain: one row per counted basket and frequent product in it, in numbers that join fast. -#}

with basket_items as (

    select * from {{ ref('pred_basket_items') }}

),

baskets as (

    select * from {{ ref('pred_baskets') }}
    where is_counted

),

products as (

    select * from {{ ref('pred_frequent_products') }}

),

final as (

    select
        cast(baskets.basket_number as bigint) as basket_number,
        cast(products.product_number as int) as product_number,
        cast(baskets.peer_group as int) as peer_group
    from basket_items
    inner join baskets
        on
            basket_items.purpose = baskets.purpose
            and basket_items.unit = baskets.unit
            and basket_items.basket_key = baskets.basket_key
    inner join products
        on
            basket_items.purpose = products.purpose
            and basket_items.unit = products.unit
            and basket_items.product_key = products.product_key

)

select * from final

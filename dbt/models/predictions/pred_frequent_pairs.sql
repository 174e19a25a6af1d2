{#- Grain: one row per frequent pair of products and group of peers in whose baskets it is. -#}

with basket_items as (

    select * from {{ ref('pred_frequent_basket_items') }}

),

products as (

    select * from {{ ref('pred_frequent_products') }}

),

-- Joins each basket's products with each other on purpose; a pair counts every basket once.
counted as (

    select
        one.product_number as product_number_1,
        other.product_number as product_number_2,
        one.peer_group,
        count(*) as peer_count
    from basket_items as one
    inner join basket_items as other
        on
            one.basket_number = other.basket_number
            and one.product_number < other.product_number
    group by one.product_number, other.product_number, one.peer_group

),

frequent as (

    select
        counted.product_number_1,
        counted.product_number_2
    from counted
    inner join products on counted.product_number_1 = products.product_number
    group by counted.product_number_1, counted.product_number_2
    having sum(counted.peer_count) >= max(products.min_count)

),

final as (

    select
        counted.product_number_1,
        counted.product_number_2,
        counted.peer_group,
        counted.peer_count
    from counted
    inner join frequent
        on
            counted.product_number_1 = frequent.product_number_1
            and counted.product_number_2 = frequent.product_number_2

)

select * from final

{#- Grain: one row per purpose, unit and product that is in enough baskets. -#}

with parameters as (

    select * from {{ ref('dim_parameters') }}

),

basket_items as (

    select * from {{ ref('pred_basket_items') }}

),

baskets as (

    select * from {{ ref('pred_baskets') }}

),

giants as (

    select * from baskets
    where not is_counted

),

sizes as (

    select
        baskets.purpose,
        baskets.unit,
        count(*) as basket_count,
        greatest(
            max(parameters.affinity_min_count),
            cast(ceil(max(parameters.affinity_min_support_rate) * count(*)) as bigint)
        ) as min_count
    from baskets
    cross join parameters
    where baskets.is_counted
    group by baskets.purpose, baskets.unit

),

products as (

    select
        basket_items.purpose,
        basket_items.unit,
        basket_items.product_key,
        count(*) as product_count
    from basket_items
    left join giants
        on
            basket_items.purpose = giants.purpose
            and basket_items.unit = giants.unit
            and basket_items.basket_key = giants.basket_key
    where giants.basket_key is null
    group by basket_items.purpose, basket_items.unit, basket_items.product_key

),

final as (

    select
        row_number() over (order by products.purpose asc, products.unit asc, products.product_key asc) as product_number,
        products.purpose,
        products.unit,
        products.product_key,
        products.product_count,
        sizes.basket_count,
        sizes.min_count
    from products
    inner join sizes on products.purpose = sizes.purpose and products.unit = sizes.unit
    where products.product_count >= sizes.min_count

)

select * from final

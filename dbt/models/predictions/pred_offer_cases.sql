{#- Grain: one row per customer who bought something new while offers of the holdout were watched. -#}

with cutoffs as (

    select * from {{ ref('pred_rule_cutoffs') }}
    where purpose = 'holdout'

),

customers as (

    select * from {{ ref('pred_offer_customers') }}
    where purpose = 'holdout'

),

products as (

    select * from {{ ref('pred_offer_products') }}
    where purpose = 'holdout'

),

owned_products as (

    select * from {{ ref('pred_owned_products') }}
    where purpose = 'holdout'

),

ranked_offers as (

    select * from {{ ref('pred_ranked_offers') }}
    where purpose = 'holdout'

),

order_items as (

    select * from {{ ref('pred_order_items') }}

),

-- What customers bought in the window, did not have before and could have been offered.
new_products as (

    select
        order_items.customer_key,
        customers.customer_type,
        order_items.product_key
    from order_items
    inner join cutoffs
        on
            order_items.order_date > cutoffs.through_date
            and order_items.order_date <= cutoffs.until_date
            and (order_items.returned_date is null or order_items.returned_date > cutoffs.until_date)
    inner join customers on order_items.customer_key = customers.customer_key
    inner join products
        on
            customers.customer_type = products.customer_type
            and order_items.product_key = products.product_key
    left join owned_products
        on
            order_items.customer_key = owned_products.customer_key
            and order_items.product_key = owned_products.product_key
    where owned_products.product_key is null
    group by order_items.customer_key, customers.customer_type, order_items.product_key

),

-- Each customer who bought something new is a case; the first offer that came true says from which number of offers on it is a hit.
final as (

    select
        new_products.customer_key,
        new_products.customer_type,
        min(case when ranked_offers.method = 'model' then ranked_offers.rank_number end) as rank_number,
        min(case when ranked_offers.method = 'popular' then ranked_offers.rank_number end) as popular_rank_number
    from new_products
    left join ranked_offers
        on
            new_products.customer_key = ranked_offers.customer_key
            and new_products.product_key = ranked_offers.product_key
    group by new_products.customer_key, new_products.customer_type

)

select * from final

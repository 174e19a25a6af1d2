{#- Grain: one row per purpose (today, holdout), customer and popular product that he does not have. -#}

with customers as (

    select * from {{ ref('pred_offer_customers') }}

),

products as (

    select * from {{ ref('pred_offer_products') }}

),

owned_products as (

    select * from {{ ref('pred_owned_products') }}

),

-- Five more products than a customer has leave five that he has not.
final as (

    select
        customers.purpose,
        customers.customer_key,
        products.product_key,
        products.new_buyer_rate,
        products.total_owner_rate,
        case when products.demand_number <= customers.owned_count + 5 then products.demand_number end as demand_number,
        case when products.popularity_number <= customers.owned_count + 5 then products.popularity_number end as popularity_number
    from customers
    inner join products
        on
            customers.purpose = products.purpose
            and customers.customer_type = products.customer_type
            and least(products.demand_number, products.popularity_number) <= customers.owned_count + 5
    left join owned_products
        on
            customers.purpose = owned_products.purpose
            and customers.customer_key = owned_products.customer_key
            and products.product_key = owned_products.product_key
    where owned_products.product_key is null

)

select * from final

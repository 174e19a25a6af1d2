{#- Grain: one row per purpose (today, holdout), type of customers and product that they may be offered. -#}

with cutoffs as (

    select * from {{ ref('pred_rule_cutoffs') }}

),

parameters as (

    select * from {{ ref('dim_parameters') }}

),

products as (

    select * from {{ ref('dim_products') }}
    where product_key <> 'unknown' and not is_subscription

),

product_owners as (

    select * from {{ ref('pred_product_owners') }}

),

days as (

    select
        cutoffs.purpose,
        case when cutoffs.purpose = 'today' then parameters.as_of_date else cutoffs.through_date end as offered_date
    from cutoffs
    cross join parameters

),

-- The flag of today says nothing about an earlier day; dates do.
assortment as (

    select
        days.purpose,
        products.product_key,
        products.product_name,
        cast(products.list_price_amount - products.unit_cost_amount as decimal(18, 2)) as margin_amount
    from products
    inner join days
        on
            coalesce(products.launched_date, days.offered_date) <= days.offered_date
            and (products.discontinued_date is null or products.discontinued_date > days.offered_date)
            and (products.deleted_date is null or products.deleted_date > days.offered_date)
            and (products.is_active or days.purpose <> 'today')
    where products.list_price_amount is null or products.unit_cost_amount is null or products.list_price_amount > products.unit_cost_amount

),

counted as (

    select
        assortment.purpose,
        product_owners.customer_type,
        assortment.product_key,
        assortment.product_name,
        assortment.margin_amount,
        product_owners.customer_count,
        product_owners.owner_count,
        product_owners.new_buyer_count,
        sum(product_owners.owner_count) over (partition by assortment.purpose, assortment.product_key) as total_owner_count,
        sum(product_owners.buyer_count) over (partition by assortment.purpose, assortment.product_key) as total_buyer_count
    from assortment
    inner join product_owners
        on
            assortment.purpose = product_owners.purpose
            and assortment.product_key = product_owners.product_key

),

final as (

    select
        purpose,
        customer_type,
        product_key,
        product_name,
        margin_amount,
        owner_count,
        new_buyer_count,
        new_buyer_count / cast(customer_count as double) as new_buyer_rate,
        total_owner_count / cast(total_buyer_count as double) as total_owner_rate,
        row_number() over (
            partition by purpose, customer_type
            order by new_buyer_count desc, owner_count desc, total_owner_count desc, product_key asc
        ) as demand_number,
        row_number() over (partition by purpose, customer_type order by total_owner_count desc, product_key asc) as popularity_number
    from counted

)

select * from final

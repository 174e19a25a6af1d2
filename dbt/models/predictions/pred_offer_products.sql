{#- Grain: one row per purpose (today, holdout), type of customers and product that they may be offered. -#}

with cutoffs as (

    select * from {{ ref('pred_cutoffs') }}

),

parameters as (

    select * from {{ ref('dim_parameters') }}

),

products as (

    select * from {{ ref('dim_products') }}
    where product_key <> 'unknown' and not is_subscription

),

customers as (

    select * from {{ ref('pred_offer_customers') }}

),

owned_products as (

    select * from {{ ref('pred_first_purchases') }}

),

-- The flag of today says nothing about an earlier day; dates do.
assortment as (

    select
        cutoffs.purpose,
        {{ date_plus('cutoffs.through_date', '-parameters.prediction_holdout_months', 'month') }} as window_start_date,
        products.product_key,
        products.product_name,
        cast(products.list_price_amount - products.unit_cost_amount as decimal(18, 2)) as margin_amount
    from products
    cross join parameters
    inner join cutoffs
        on
            coalesce(products.launched_date, cutoffs.through_date) <= cutoffs.through_date
            and (products.discontinued_date is null or products.discontinued_date > cutoffs.through_date)
            and (products.deleted_date is null or products.deleted_date > cutoffs.through_date)
            and (products.is_active or cutoffs.purpose <> 'today')
    where products.list_price_amount is null or products.unit_cost_amount is null or products.list_price_amount > products.unit_cost_amount

),

types as (

    select
        purpose,
        customer_type,
        count(*) as customer_count,
        count(*) filter (where owned_count > 0) as buyer_count
    from customers
    group by purpose, customer_type

),

owners as (

    select
        assortment.purpose,
        customers.customer_type,
        assortment.product_key,
        count(*) as owner_count,
        count(*) filter (where owned_products.first_date > assortment.window_start_date) as new_buyer_count
    from owned_products
    inner join assortment
        on
            owned_products.purpose = assortment.purpose
            and owned_products.product_key = assortment.product_key
    inner join customers
        on
            owned_products.purpose = customers.purpose
            and owned_products.customer_key = customers.customer_key
    group by assortment.purpose, customers.customer_type, assortment.product_key

),

-- Every type meets every product that anybody has: a few rows.
counted as (

    select
        assortment.purpose,
        types.customer_type,
        assortment.product_key,
        assortment.product_name,
        assortment.margin_amount,
        types.customer_count,
        coalesce(owners.owner_count, 0) as owner_count,
        coalesce(owners.new_buyer_count, 0) as new_buyer_count,
        sum(owners.owner_count) over (partition by assortment.purpose, assortment.product_key) as total_owner_count,
        sum(types.buyer_count) over (partition by assortment.purpose, assortment.product_key) as total_buyer_count
    from assortment
    inner join types on assortment.purpose = types.purpose
    left join owners
        on
            assortment.purpose = owners.purpose
            and types.customer_type = owners.customer_type
            and assortment.product_key = owners.product_key

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
    where total_owner_count is not null

)

select * from final

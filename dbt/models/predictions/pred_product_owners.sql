{#- Grain: one row per purpose (today, holdout), type of customers and product that anybody has. -#}

with cutoffs as (

    select * from {{ ref('pred_rule_cutoffs') }}

),

parameters as (

    select * from {{ ref('dim_parameters') }}

),

customers as (

    select * from {{ ref('pred_rule_customers') }}

),

first_purchases as (

    select * from {{ ref('pred_first_purchases') }}

),

windows as (

    select
        cutoffs.purpose,
        {{ date_plus('cutoffs.through_date', '-parameters.prediction_holdout_months', 'month') }} as window_start_date
    from cutoffs
    cross join parameters

),

buyers as (

    select
        purpose,
        customer_key
    from first_purchases
    group by purpose, customer_key

),

types as (

    select
        customers.purpose,
        customers.customer_type,
        count(*) as customer_count,
        count(buyers.customer_key) as buyer_count
    from customers
    left join buyers
        on
            customers.purpose = buyers.purpose
            and customers.customer_key = buyers.customer_key
    group by customers.purpose, customers.customer_type

),

owners as (

    select
        first_purchases.purpose,
        customers.customer_type,
        first_purchases.product_key,
        count(*) as owner_count,
        count(*) filter (where first_purchases.first_date > windows.window_start_date) as new_buyer_count
    from first_purchases
    inner join windows on first_purchases.purpose = windows.purpose
    inner join customers
        on
            first_purchases.purpose = customers.purpose
            and first_purchases.customer_key = customers.customer_key
    group by first_purchases.purpose, customers.customer_type, first_purchases.product_key

),

products as (

    select
        purpose,
        product_key
    from owners
    group by purpose, product_key

),

-- Every type meets every product that anybody has: a few rows.
final as (

    select
        products.purpose,
        types.customer_type,
        products.product_key,
        types.customer_count,
        types.buyer_count,
        coalesce(owners.owner_count, 0) as owner_count,
        coalesce(owners.new_buyer_count, 0) as new_buyer_count
    from products
    inner join types on products.purpose = types.purpose
    left join owners
        on
            products.purpose = owners.purpose
            and types.customer_type = owners.customer_type
            and products.product_key = owners.product_key

)

select * from final

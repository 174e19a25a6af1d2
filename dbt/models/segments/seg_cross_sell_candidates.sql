{#- Grain: one row per active customer who has a product that often goes with one he does not have. -#}

with parameters as (

    select * from {{ ref('dim_parameters') }}

),

customers as (

    select * from {{ ref('dim_customers') }}
    where is_current and not is_deleted

),

products as (

    select * from {{ ref('dim_products') }}

),

owned_products as (

    select * from {{ ref('kpi_owned_products') }}

),

product_pairs as (

    select * from {{ ref('kpi_product_pairs') }}

),

active_customers as (

    select * from {{ ref('kpi_purchase_stretches') }}
    where lost_date is null

),

-- Rules worth an offer: enough customers, more often together than by chance, and money to be earned.
rules as (

    select
        product_pairs.customer_type,
        product_pairs.product_key,
        product_pairs.added_product_key,
        products.product_name,
        added_products.product_name as added_product_name,
        product_pairs.owner_count,
        product_pairs.confidence_rate,
        product_pairs.lift,
        product_pairs.confidence_rate * cast(added_products.list_price_amount - added_products.unit_cost_amount as double)
            as expected_margin
    from product_pairs
    cross join parameters
    inner join products on product_pairs.product_key = products.product_key
    inner join products as added_products on product_pairs.added_product_key = added_products.product_key
    where
        product_pairs.both_count >= parameters.cross_sell_min_count
        and product_pairs.lift >= parameters.cross_sell_min_lift
        and product_pairs.confidence_rate >= parameters.cross_sell_min_confidence
        and added_products.is_active
        and not added_products.is_deleted
        and added_products.list_price_amount > added_products.unit_cost_amount

),

-- The best rule of each customer whose left side he has and whose right side he has not.
offers as (

    select
        owned_products.customer_key,
        rules.product_key,
        rules.product_name,
        rules.added_product_key,
        rules.added_product_name,
        rules.owner_count,
        rules.confidence_rate,
        rules.lift,
        rules.expected_margin
    from owned_products
    inner join rules
        on
            owned_products.customer_type = rules.customer_type
            and owned_products.product_key = rules.product_key
    inner join active_customers on owned_products.customer_key = active_customers.customer_key
    inner join customers on owned_products.customer_key = customers.customer_key
    left join owned_products as already
        on
            owned_products.customer_key = already.customer_key
            and rules.added_product_key = already.product_key
    where already.product_key is null
    qualify
        row_number() over (
            partition by owned_products.customer_key
            order by rules.expected_margin desc, rules.confidence_rate desc, rules.product_key asc, rules.added_product_key asc
        ) = 1

),

final as (

    select
        customer_key,
        cast(row_number() over (order by expected_margin desc, customer_key asc) as bigint) as rank_number,
        'Has ' || product_name || '; ' || cast(cast(round(confidence_rate * 100) as bigint) as string) || ' % of the '
        || cast(owner_count as string) || ' customers like this who have it also have ' || added_product_name || ', '
        || cast(cast(lift as decimal(9, 1)) as string) || ' times as many as usual' as reason,
        added_product_key as offered_product_key,
        added_product_name as offered_product_name,
        product_key as owned_product_key,
        product_name as owned_product_name,
        confidence_rate,
        lift,
        cast(expected_margin as decimal(18, 2)) as expected_margin_amount
    from offers

)

select * from final

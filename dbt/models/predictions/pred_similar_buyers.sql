{#- Grain: one row per purpose (today, holdout), customer and product that buyers of the same products have more often than usual. -#}

with parameters as (

    select * from {{ ref('dim_parameters') }}

),

affinity_rules as (

    select * from {{ ref('pred_affinity_rules') }}
    where unit = 'customer' and antecedent_size = 1

),

customers as (

    select * from {{ ref('pred_offer_customers') }}

),

products as (

    select * from {{ ref('pred_offer_products') }}

),

owned_products as (

    select * from {{ ref('pred_owned_products') }}

),

-- The products that most owners of a product have, too; they bound what a customer is compared with.
pairs as (

    select
        affinity_rules.purpose,
        affinity_rules.product_key_1 as product_key,
        affinity_rules.offered_product_key,
        affinity_rules.antecedent_count,
        affinity_rules.both_count,
        cast(affinity_rules.expected_count as decimal(28, 9)) as expected_count
    from affinity_rules
    cross join parameters
    qualify
        row_number() over (
            partition by affinity_rules.purpose, affinity_rules.product_key_1
            order by affinity_rules.both_count desc, affinity_rules.offered_product_key asc
        ) <= parameters.offer_rules_per_product

),

-- Buyers with products of his, each as often as there are products they share.
buyers as (

    select
        owned_products.purpose,
        owned_products.customer_key,
        pairs.offered_product_key as product_key,
        sum(pairs.antecedent_count) as similar_count,
        sum(pairs.both_count) as both_count,
        cast(sum(pairs.expected_count) as double) as usual_count
    from owned_products
    inner join pairs
        on
            owned_products.purpose = pairs.purpose
            and owned_products.product_key = pairs.product_key
    group by owned_products.purpose, owned_products.customer_key, pairs.offered_product_key
    having sum(pairs.both_count) > sum(pairs.expected_count) + 2 * sqrt(sum(pairs.expected_count))

),

shares as (

    select
        buyers.purpose,
        buyers.customer_key,
        buyers.product_key,
        customers.customer_type,
        buyers.both_count,
        buyers.usual_count,
        round(buyers.both_count / cast(buyers.similar_count as double), 9) as confidence_rate
    from buyers
    inner join customers
        on
            buyers.purpose = customers.purpose
            and buyers.customer_key = customers.customer_key
    left join owned_products
        on
            buyers.purpose = owned_products.purpose
            and buyers.customer_key = owned_products.customer_key
            and buyers.product_key = owned_products.product_key
    where owned_products.product_key is null

),

final as (

    select
        shares.purpose,
        shares.customer_key,
        shares.product_key,
        shares.confidence_rate,
        round(least(products.new_buyer_rate * shares.both_count / shares.usual_count, 1), 9) as purchase_rate
    from shares
    inner join products
        on
            shares.purpose = products.purpose
            and shares.customer_type = products.customer_type
            and shares.product_key = products.product_key

)

select * from final

{#- Grain: one row per customer type and ordered pair of products that at least one customer of that type has both of. -#}

with owned_products as (

    select * from {{ ref('kpi_owned_products') }}

),

buyers as (

    select
        customer_type,
        count(distinct customer_key) as buyer_count
    from owned_products
    group by customer_type

),

owners as (

    select
        customer_type,
        product_key,
        count(*) as owner_count
    from owned_products
    group by customer_type, product_key

),

-- Joins each customer's products with each other on purpose; a pair counts every customer once.
pairs as (

    select
        had.customer_type,
        had.product_key,
        added.product_key as added_product_key,
        count(*) as both_count
    from owned_products as had
    inner join owned_products as added on had.customer_key = added.customer_key and had.product_key <> added.product_key
    group by had.customer_type, had.product_key, added.product_key

),

final as (

    select
        {{ surrogate_key(['pairs.customer_type', 'pairs.product_key', 'pairs.added_product_key']) }} as product_pair_key,
        pairs.customer_type,
        pairs.product_key,
        pairs.added_product_key,
        pairs.both_count,
        owners.owner_count,
        added_owners.owner_count as added_owner_count,
        buyers.buyer_count,
        {{ safe_ratio('pairs.both_count', 'buyers.buyer_count') }} as support_rate,
        {{ safe_ratio('pairs.both_count', 'owners.owner_count') }} as confidence_rate,
        {{ safe_ratio('cast(pairs.both_count as double) * buyers.buyer_count', 'owners.owner_count * added_owners.owner_count') }} as lift
    from pairs
    inner join buyers on pairs.customer_type = buyers.customer_type
    inner join owners on pairs.customer_type = owners.customer_type and pairs.product_key = owners.product_key
    inner join owners as added_owners
        on
            pairs.customer_type = added_owners.customer_type
            and pairs.added_product_key = added_owners.product_key

)

select * from final

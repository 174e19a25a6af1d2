{#- Grain: one row per purpose (today, holdout), method (model, popular), customer and rank (1 to 5). -#}

with customers as (

    select * from {{ ref('pred_offer_customers') }}

),

products as (

    select * from {{ ref('pred_offer_products') }}

),

matches as (

    select * from {{ ref('pred_offer_matches') }}

),

similar_buyers as (

    select * from {{ ref('pred_similar_buyers') }}

),

popular as (

    select * from {{ ref('pred_popular_offers') }}

),

candidates as (

    select
        purpose,
        customer_key,
        product_key,
        basis,
        offer_rule_key,
        confidence_rate,
        purchase_rate
    from matches
    union all
    select
        purpose,
        customer_key,
        product_key,
        'similar_buyers' as basis,
        cast(null as string) as offer_rule_key,
        confidence_rate,
        purchase_rate
    from similar_buyers
    union all
    select
        purpose,
        customer_key,
        product_key,
        'popular' as basis,
        cast(null as string) as offer_rule_key,
        new_buyer_rate as confidence_rate,
        new_buyer_rate as purchase_rate
    from popular
    where demand_number is not null

),

-- A product that several reasons speak for is offered once, for the one that promises most.
best as (

    select candidates.*
    from candidates
    qualify
        row_number() over (
            partition by candidates.purpose, candidates.customer_key, candidates.product_key
            order by candidates.purchase_rate desc, candidates.offer_rule_key is null, candidates.basis = 'popular'
        ) = 1

),

ranked as (

    select
        best.purpose,
        'model' as method,
        best.customer_key,
        row_number() over (
            partition by best.purpose, best.customer_key
            order by best.purchase_rate desc, products.demand_number asc
        ) as rank_number,
        best.product_key,
        best.basis,
        best.offer_rule_key,
        best.confidence_rate,
        best.purchase_rate
    from best
    inner join customers
        on
            best.purpose = customers.purpose
            and best.customer_key = customers.customer_key
    inner join products
        on
            best.purpose = products.purpose
            and customers.customer_type = products.customer_type
            and best.product_key = products.product_key
    union all
    select
        purpose,
        'popular' as method,
        customer_key,
        row_number() over (partition by purpose, customer_key order by popularity_number) as rank_number,
        product_key,
        'popular' as basis,
        cast(null as string) as offer_rule_key,
        total_owner_rate as confidence_rate,
        new_buyer_rate as purchase_rate
    from popular
    where popularity_number is not null

),

final as (

    select * from ranked
    where rank_number <= 5

)

select * from final

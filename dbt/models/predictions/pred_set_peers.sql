{#- Grain: one row per frequent set of up to three products and group of peers in whose baskets it is. -#}

with basket_items as (

    select * from {{ ref('pred_frequent_basket_items') }}

),

products as (

    select * from {{ ref('pred_frequent_products') }}

),

pair_peers as (

    select * from {{ ref('pred_frequent_pairs') }}

),

pairs as (

    select
        product_number_1,
        product_number_2
    from pair_peers
    group by product_number_1, product_number_2

),

-- A set can only be frequent when every set of one product less is.
possible_triples as (

    select
        pairs.product_number_1,
        pairs.product_number_2,
        nexts.product_number_2 as product_number_3
    from pairs
    inner join pairs as nexts on pairs.product_number_2 = nexts.product_number_1
    inner join pairs as outers
        on
            pairs.product_number_1 = outers.product_number_1
            and nexts.product_number_2 = outers.product_number_2

),

-- Joins each basket's products with each other on purpose; a triple counts every basket once.
triple_peers as (

    select
        possible_triples.product_number_1,
        possible_triples.product_number_2,
        possible_triples.product_number_3,
        one.peer_group,
        count(*) as peer_count
    from basket_items as one
    inner join basket_items as two
        on
            one.basket_number = two.basket_number
            and one.product_number < two.product_number
    inner join basket_items as three
        on
            one.basket_number = three.basket_number
            and two.product_number < three.product_number
    inner join possible_triples
        on
            one.product_number = possible_triples.product_number_1
            and two.product_number = possible_triples.product_number_2
            and three.product_number = possible_triples.product_number_3
    group by
        possible_triples.product_number_1,
        possible_triples.product_number_2,
        possible_triples.product_number_3,
        one.peer_group

),

frequent_triples as (

    select
        triple_peers.product_number_1,
        triple_peers.product_number_2,
        triple_peers.product_number_3
    from triple_peers
    inner join products on triple_peers.product_number_1 = products.product_number
    group by triple_peers.product_number_1, triple_peers.product_number_2, triple_peers.product_number_3
    having sum(triple_peers.peer_count) >= max(products.min_count)

),

-- 0 stands where a smaller set has no more product, so that sets can be joined.
final as (

    select
        1 as set_size,
        product_number as product_number_1,
        0 as product_number_2,
        0 as product_number_3,
        peer_group,
        count(*) as peer_count
    from basket_items
    group by product_number, peer_group
    union all
    select
        2 as set_size,
        product_number_1,
        product_number_2,
        0 as product_number_3,
        peer_group,
        peer_count
    from pair_peers
    union all
    select
        3 as set_size,
        triple_peers.product_number_1,
        triple_peers.product_number_2,
        triple_peers.product_number_3,
        triple_peers.peer_group,
        triple_peers.peer_count
    from triple_peers
    inner join frequent_triples
        on
            triple_peers.product_number_1 = frequent_triples.product_number_1
            and triple_peers.product_number_2 = frequent_triples.product_number_2
            and triple_peers.product_number_3 = frequent_triples.product_number_3

)

select * from final

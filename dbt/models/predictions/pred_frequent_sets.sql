{#- Grain: one row per purpose, unit and frequent set of one to four products. -#}

with basket_items as (

    select * from {{ ref('pred_frequent_basket_items') }}

),

products as (

    select * from {{ ref('pred_frequent_products') }}

),

set_peers as (

    select * from {{ ref('pred_set_peers') }}

),

small_sets as (

    select
        product_number_1,
        product_number_2,
        product_number_3,
        0 as product_number_4,
        cast(max(set_size) as int) as set_size,
        cast(sum(peer_count) as bigint) as set_count
    from set_peers
    group by product_number_1, product_number_2, product_number_3

),

triples as (

    select * from small_sets
    where set_size = 3

),

-- A set can only be frequent when every set of one product less is.
possible_quads as (

    select
        triples.product_number_1,
        triples.product_number_2,
        triples.product_number_3,
        nexts.product_number_3 as product_number_4
    from triples
    inner join triples as nexts
        on
            triples.product_number_2 = nexts.product_number_1
            and triples.product_number_3 = nexts.product_number_2
    inner join triples as without_second
        on
            triples.product_number_1 = without_second.product_number_1
            and triples.product_number_3 = without_second.product_number_2
            and nexts.product_number_3 = without_second.product_number_3
    inner join triples as without_third
        on
            triples.product_number_1 = without_third.product_number_1
            and triples.product_number_2 = without_third.product_number_2
            and nexts.product_number_3 = without_third.product_number_3

),

-- Joins each basket's products with each other on purpose; a set of four counts every basket once.
quads as (

    select
        possible_quads.product_number_1,
        possible_quads.product_number_2,
        possible_quads.product_number_3,
        possible_quads.product_number_4,
        4 as set_size,
        count(*) as set_count
    from basket_items as one
    inner join basket_items as two
        on
            one.basket_number = two.basket_number
            and one.product_number < two.product_number
    inner join basket_items as three
        on
            one.basket_number = three.basket_number
            and two.product_number < three.product_number
    inner join basket_items as four
        on
            one.basket_number = four.basket_number
            and three.product_number < four.product_number
    inner join possible_quads
        on
            one.product_number = possible_quads.product_number_1
            and two.product_number = possible_quads.product_number_2
            and three.product_number = possible_quads.product_number_3
            and four.product_number = possible_quads.product_number_4
    group by
        possible_quads.product_number_1,
        possible_quads.product_number_2,
        possible_quads.product_number_3,
        possible_quads.product_number_4

),

sets as (

    select
        product_number_1,
        product_number_2,
        product_number_3,
        product_number_4,
        set_size,
        set_count
    from small_sets
    union all
    select * from quads

),

final as (

    select
        {{ surrogate_key(['firsts.purpose', 'firsts.unit', 'firsts.product_key', 'seconds.product_key', 'thirds.product_key',
            'fourths.product_key']) }} as set_key,
        firsts.purpose,
        firsts.unit,
        sets.set_size,
        firsts.product_key as product_key_1,
        seconds.product_key as product_key_2,
        thirds.product_key as product_key_3,
        fourths.product_key as product_key_4,
        sets.set_count,
        firsts.basket_count,
        {{ safe_ratio('sets.set_count', 'firsts.basket_count') }} as support_rate,
        sets.product_number_1,
        sets.product_number_2,
        sets.product_number_3,
        sets.product_number_4
    from sets
    inner join products as firsts on sets.product_number_1 = firsts.product_number
    left join products as seconds on sets.product_number_2 = seconds.product_number
    left join products as thirds on sets.product_number_3 = thirds.product_number
    left join products as fourths on sets.product_number_4 = fourths.product_number
    where sets.set_count >= firsts.min_count

)

select * from final

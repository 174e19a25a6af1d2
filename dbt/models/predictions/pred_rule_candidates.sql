{#- Grain: one row per purpose, unit, set of one to three products and product that is frequently together with it. -#}

with baskets as (

    select * from {{ ref('pred_baskets') }}
    where is_counted

),

sets as (

    select * from {{ ref('pred_frequent_sets') }}

),

set_peers as (

    select * from {{ ref('pred_set_peers') }}

),

singles as (

    select * from set_peers
    where set_size = 1

),

peers as (

    select
        purpose,
        unit,
        peer_group,
        count(*) as basket_count
    from baskets
    group by purpose, unit, peer_group

),

-- Each product of a set is once what is offered, and the others are what one must have.
splits as (

    {% for offered in range(1, 5) -%}
    select
        purpose,
        unit,
        set_size - 1 as antecedent_size,
        product_number_{{ 2 if offered == 1 else 1 }} as product_number_1,
        product_number_{{ 3 if offered <= 2 else 2 }} as product_number_2,
        product_number_{{ 4 if offered <= 3 else 3 }} as product_number_3,
        product_number_{{ offered }} as offered_number,
        set_count as both_count
    from sets
    where set_size >= {{ [offered, 2] | max }}
    {% if not loop.last -%}
    union all
    {% endif -%}
    {% endfor %}
),

-- How many of the baskets with the one would have the other if it were as usual among their peers.
final as (

    select
        splits.purpose,
        splits.unit,
        splits.antecedent_size,
        splits.product_number_1,
        splits.product_number_2,
        splits.product_number_3,
        splits.offered_number,
        splits.both_count,
        cast(sum(antecedents.peer_count) as bigint) as antecedent_count,
        cast(
            sum(
                cast(
                    {{ rounded(safe_ratio('antecedents.peer_count * offered.peer_count', 'peers.basket_count'), 9) }}
                    as decimal(28, 9)
                )
            )
            as decimal(28, 9)
        ) as expected_count
    from splits
    inner join set_peers as antecedents
        on
            splits.product_number_1 = antecedents.product_number_1
            and splits.product_number_2 = antecedents.product_number_2
            and splits.product_number_3 = antecedents.product_number_3
    inner join peers
        on
            splits.purpose = peers.purpose
            and splits.unit = peers.unit
            and antecedents.peer_group = peers.peer_group
    left join singles as offered
        on
            splits.offered_number = offered.product_number_1
            and antecedents.peer_group = offered.peer_group
    group by
        splits.purpose,
        splits.unit,
        splits.antecedent_size,
        splits.product_number_1,
        splits.product_number_2,
        splits.product_number_3,
        splits.offered_number,
        splits.both_count

)

select * from final

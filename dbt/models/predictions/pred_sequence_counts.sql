{#- Grain: one row per frequent set and product that somebody bought for the first time in the window after it. -#}

with anchors as (

    select * from {{ ref('pred_sequence_anchors') }}

),

sets as (

    select * from {{ ref('pred_sequence_sets') }}

),

purchase_days as (

    select * from {{ ref('pred_purchase_days') }}

),

first_purchases as (

    select * from {{ ref('pred_first_purchases') }}

),

baselines as (

    select * from {{ ref('pred_sequence_baselines') }}

),

windows as (

    select
        sets.set_number,
        sets.purpose,
        anchors.customer_number,
        purchase_days.peer_group,
        purchase_days.opens_after_date,
        purchase_days.closes_date
    from anchors
    inner join sets
        on
            anchors.product_number_1 = sets.product_number_1
            {%- for n in range(2, 7) %}
            and anchors.product_number_{{ n }} = sets.product_number_{{ n }}
            {%- endfor %}
    inner join purchase_days
        on
            anchors.customer_number = purchase_days.customer_number
            and anchors.complete_date = purchase_days.order_date

),

peers as (

    select
        set_number,
        purpose,
        peer_group,
        count(*) as set_count
    from windows
    group by set_number, purpose, peer_group

),

-- Joins each window with all products of its customer on purpose, and counts them by product.
bought as (

    select
        windows.set_number,
        windows.peer_group,
        first_purchases.product_number,
        count(*) filter (where first_purchases.first_date <= windows.opens_after_date) as had_count,
        count(*) filter (where first_purchases.first_date > windows.opens_after_date) as bought_count
    from windows
    inner join first_purchases
        on
            windows.customer_number = first_purchases.customer_number
            and windows.closes_date >= first_purchases.first_date
    group by windows.set_number, windows.peer_group, first_purchases.product_number

),

followed as (

    select
        set_number,
        product_number
    from bought
    group by set_number, product_number
    having sum(bought_count) > 0

),

-- Who had the product when the window opened cannot buy it for the first time; the others would as their peers do.
final as (

    select
        followed.set_number,
        followed.product_number,
        cast(sum(peers.set_count - coalesce(bought.had_count, 0)) as bigint) as antecedent_count,
        cast(sum(coalesce(bought.bought_count, 0)) as bigint) as both_count,
        cast(
            sum(
                cast(
                    {{ rounded(
                        safe_ratio('(peers.set_count - coalesce(bought.had_count, 0)) * baselines.bought_count', 'baselines.free_count'), 9
                    ) }}
                    as decimal(28, 9)
                )
            ) as decimal(28, 9)
        ) as expected_count
    from followed
    inner join peers on followed.set_number = peers.set_number
    left join bought
        on
            followed.set_number = bought.set_number
            and followed.product_number = bought.product_number
            and peers.peer_group = bought.peer_group
    left join baselines
        on
            followed.product_number = baselines.product_number
            and peers.purpose = baselines.purpose
            and peers.peer_group = baselines.peer_group
    group by followed.set_number, followed.product_number

)

select * from final

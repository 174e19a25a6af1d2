{#- Grain: one row per group of peers and product: how many buy it for the first time in the window after a purchase day. -#}

with purchase_days as (

    select * from {{ ref('pred_purchase_days') }}

),

first_purchases as (

    select * from {{ ref('pred_first_purchases') }}

),

peers as (

    select
        purpose,
        peer_group,
        count(*) as day_count
    from purchase_days
    group by purpose, peer_group

),

-- Joins each purchase day with all products of its customer on purpose, and counts them by product.
bought as (

    select
        purchase_days.purpose,
        purchase_days.peer_group,
        first_purchases.product_number,
        count(*) filter (where first_purchases.first_date <= purchase_days.opens_after_date) as had_count,
        count(*) filter (where first_purchases.first_date > purchase_days.opens_after_date) as bought_count
    from purchase_days
    inner join first_purchases
        on
            purchase_days.customer_number = first_purchases.customer_number
            and purchase_days.closes_date >= first_purchases.first_date
    group by purchase_days.purpose, purchase_days.peer_group, first_purchases.product_number

),

final as (

    select
        bought.purpose,
        bought.peer_group,
        bought.product_number,
        peers.day_count - bought.had_count as free_count,
        bought.bought_count
    from bought
    inner join peers on bought.purpose = peers.purpose and bought.peer_group = peers.peer_group
    where peers.day_count > bought.had_count

)

select * from final

{#- Grain: one row per member of a loyalty programme. -#}

with parameters as (

    select * from {{ ref('dim_parameters') }}

),

loyalty_transactions as (

    select * from {{ ref('fct_loyalty_transactions') }}
    where is_countable

),

customers as (

    select * from {{ ref('dim_customers') }}
    where is_current

),

-- Who comes back after leaving is a member again, since the first joining.
summed as (

    select
        loyalty_transactions.member_key,
        max(nullif(loyalty_transactions.customer_key, 'unknown')) as customer_key,
        min(loyalty_transactions.program_id) as program_id,
        min(loyalty_transactions.occurred_date) as first_date,
        min(loyalty_transactions.occurred_date) filter (where loyalty_transactions.transaction_type = 'join') as first_joined_date,
        max(loyalty_transactions.occurred_at) filter (where loyalty_transactions.transaction_type = 'join') as last_joined_at,
        max(loyalty_transactions.occurred_at) filter (where loyalty_transactions.transaction_type = 'leave') as last_left_at,
        max(loyalty_transactions.occurred_date) as last_movement_date,
        sum(loyalty_transactions.points) as points_balance,
        sum(loyalty_transactions.points) filter (where loyalty_transactions.transaction_type in ('join', 'earn'))
            as earned_points,
        sum(-loyalty_transactions.points) filter (where loyalty_transactions.transaction_type = 'redeem') as redeemed_points,
        sum(-loyalty_transactions.points) filter (where loyalty_transactions.transaction_type in ('expire', 'leave'))
            as expired_points,
        sum(loyalty_transactions.points) filter (where loyalty_transactions.transaction_type = 'adjust') as adjusted_points,
        sum(loyalty_transactions.redemption_amount) as reward_cost_amount
    from loyalty_transactions
    cross join parameters
    where loyalty_transactions.occurred_date <= parameters.as_of_date
    group by loyalty_transactions.member_key

),

tiers as (

    select
        loyalty_transactions.member_key,
        loyalty_transactions.tier
    from loyalty_transactions
    cross join parameters
    where loyalty_transactions.occurred_date <= parameters.as_of_date and loyalty_transactions.tier <> 'unknown'
    qualify
        row_number() over (
            partition by loyalty_transactions.member_key
            order by loyalty_transactions.occurred_at desc, loyalty_transactions.transaction_id desc
        ) = 1

),

dated as (

    select
        *,
        case
            when last_left_at >= coalesce(last_joined_at, last_left_at) then cast(last_left_at as date)
        end as left_date
    from summed

),

final as (

    select
        dated.member_key,
        coalesce(dated.customer_key, 'unknown') as customer_key,
        coalesce(customers.customer_segment, 'unknown') as customer_segment,
        dated.program_id,
        coalesce(dated.first_joined_date, dated.first_date) as joined_date,
        dated.left_date,
        dated.left_date is null as is_member,
        coalesce(tiers.tier, 'unknown') as tier,
        cast(dated.points_balance as bigint) as points_balance,
        cast(coalesce(dated.earned_points, 0) as bigint) as earned_points,
        cast(coalesce(dated.redeemed_points, 0) as bigint) as redeemed_points,
        cast(coalesce(dated.expired_points, 0) as bigint) as expired_points,
        cast(coalesce(dated.adjusted_points, 0) as bigint) as adjusted_points,
        cast(coalesce(dated.reward_cost_amount, 0) as decimal(18, 2)) as reward_cost_amount,
        dated.last_movement_date
    from dated
    left join customers on dated.customer_key = customers.customer_key
    left join tiers on dated.member_key = tiers.member_key

)

select * from final

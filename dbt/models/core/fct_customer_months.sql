{#- Grain: one row per customer and month, from the first order or contract to the month of the run. -#}

with customer_months as (

    select * from {{ ref('int_customer_months__counted') }}

),

customer_costs as (

    select * from {{ ref('fct_customer_costs') }}

),

loyalty_transactions as (

    select * from {{ ref('fct_loyalty_transactions') }}
    where is_countable

),

allocated as (

    select
        customer_key,
        month,
        sum(allocated_amount) as cost_amount
    from customer_costs
    group by all

),

-- Points given for joining are earned, points lost by leaving expire: the four kinds add up to the change of the balance.
rewarded as (

    select
        customer_key,
        month,
        sum(points) filter (where transaction_type in ('join', 'earn')) as earned_points,
        sum(-points) filter (where transaction_type = 'redeem') as redeemed_points,
        sum(-points) filter (where transaction_type in ('expire', 'leave')) as expired_points,
        sum(points) filter (where transaction_type = 'adjust') as adjusted_points,
        sum(redemption_amount) as reward_cost_amount
    from loyalty_transactions
    group by all

),

final as (

    select
        customer_months.customer_month_key,
        customer_months.customer_key,
        customer_months.month,
        customer_months.order_count,
        customer_months.revenue_amount,
        customer_months.margin_amount,
        customer_months.refund_amount,
        customer_months.returned_cost_amount,
        customer_months.contract_amount,
        customer_months.contract_margin_amount,
        customer_months.active_contract_count,
        customer_months.is_active_contract_start,
        customer_months.service_contact_count,
        customer_months.last_order_date,
        customer_months.days_since_last_order,
        customer_months.is_active,
        cast(coalesce(allocated.cost_amount, 0) as decimal(18, 2)) as cost_amount,
        cast(coalesce(rewarded.earned_points, 0) as bigint) as earned_points,
        cast(coalesce(rewarded.redeemed_points, 0) as bigint) as redeemed_points,
        cast(coalesce(rewarded.expired_points, 0) as bigint) as expired_points,
        cast(coalesce(rewarded.adjusted_points, 0) as bigint) as adjusted_points,
        cast(coalesce(rewarded.reward_cost_amount, 0) as decimal(18, 2)) as reward_cost_amount
    from customer_months
    left join allocated on customer_months.customer_key = allocated.customer_key and customer_months.month = allocated.month
    left join rewarded on customer_months.customer_key = rewarded.customer_key and customer_months.month = rewarded.month

)

select * from final

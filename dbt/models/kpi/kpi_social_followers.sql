{#- Grain: one row per person who began to follow us on a social network before he was a customer. -#}

with parameters as (

    select * from {{ ref('dim_parameters') }}

),

follows as (

    select * from {{ ref('fct_social_engagements') }}
    where engagement_type = 'follow' and not is_deleted

),

leads as (

    select * from {{ ref('fct_leads') }}
    where lead_kind = 'follower' and customer_key <> 'unknown' and not is_deleted and month is not null

),

order_lines as (

    select * from {{ ref('fct_order_lines') }}
    where is_countable and customer_key <> 'unknown'

),

customers as (

    select * from {{ ref('dim_customers') }}
    where is_current

),

first_orders as (

    select
        order_lines.customer_key,
        min(order_lines.ordered_at) as first_order_at
    from order_lines
    cross join parameters
    where order_lines.order_date <= parameters.as_of_date
    group by order_lines.customer_key

),

delivered_followers as (

    select customer_key
    from leads
    group by customer_key

),

-- The first follow of a person, who is a customer when known, else a profile.
first_follows as (

    select follows.*
    from follows
    cross join parameters
    where follows.engagement_date <= parameters.as_of_date
    qualify
        row_number() over (
            partition by case when follows.customer_key = 'unknown' then follows.profile_key else follows.customer_key end
            order by follows.engaged_at, follows.engagement_key
        ) = 1

),

-- Who has bought before is no lead; whom a system delivers as a lead is not counted again.
final as (

    select
        first_follows.engagement_key as follower_key,
        first_follows.profile_key,
        first_follows.customer_key,
        first_follows.network,
        first_follows.engaged_at as followed_at,
        cast(date_trunc('month', first_follows.engagement_date) as date) as month,
        first_follows.channel_key,
        first_follows.campaign_key,
        coalesce(customers.customer_segment, 'unknown') as customer_segment,
        coalesce(customers.region, 'unknown') as region,
        first_orders.first_order_at,
        first_orders.first_order_at is not null as became_customer
    from first_follows
    left join first_orders on first_follows.customer_key = first_orders.customer_key
    left join delivered_followers on first_follows.customer_key = delivered_followers.customer_key
    left join customers on first_follows.customer_key = customers.customer_key
    where delivered_followers.customer_key is null and coalesce(first_orders.first_order_at >= first_follows.engaged_at, true)

)

select * from final

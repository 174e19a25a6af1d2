-- kpi_attribution_monthly (window 30 days, edges 0.40): reading, month, dimension, member, numerator, denominator.
with journeys as (
    select
        month_of(orders.order_date) as month,
        orders.net_amount,
        coalesce(touches.channel, 'unattributed') as channel,
        case when touches.touch_key is null then 'unattributed' else coalesce(touches.campaign_id, 'unknown') end as campaign,
        rank() over (
            partition by orders.source_system, orders.order_id
            order by touches.touched_at, touches.kind, touches.touch_key
        ) as place,
        count(*) over (partition by orders.source_system, orders.order_id) as length
    from bought_orders as orders
    left join touches
        on
            orders.person_id = touches.person_id
            and touches.touched_at <= orders.ordered_at
            and orders.order_date - touches.touched_at::date <= 30
),

-- How much of an order is given away before this touch, and after it.
weighed as (
    select
        'first_touch' as reading,
        case when place = 1 then 0.0 else 1.0 end as "before",
        1.0 as "after",
        *
    from journeys
    union all
    select
        'last_touch',
        0.0,
        case when place = length then 1.0 else 0.0 end,
        *
    from journeys
    union all
    select
        'linear',
        (place - 1) / length,
        place / length,
        *
    from journeys
    union all
    select
        'position_based',
        case when place = 1 then 0 when length = 2 then 0.5 else 0.4 + 0.2 * (place - 2) / (length - 2) end,
        case when place = length then 1 when length = 2 then 0.5 else 0.4 + 0.2 * (place - 1) / (length - 2) end,
        *
    from journeys
),

shared as (
    select
        reading,
        month,
        channel,
        campaign,
        (net_amount * "after"::decimal(12, 9))::decimal(18, 2) - (net_amount * "before"::decimal(12, 9))::decimal(18, 2) as amount
    from weighed
    where "after" > "before"
),

cut as (
    select
        reading,
        month,
        'total' as dimension,
        'total' as member,
        amount
    from shared
    union all
    select
        reading,
        month,
        'channel',
        channel,
        amount
    from shared
    union all
    select
        reading,
        month,
        'campaign',
        campaign,
        amount
    from shared
)

select
    cut.reading,
    cut.month,
    cut.dimension,
    cut.member,
    sum(cut.amount) as numerator,
    any_value(revenue.amount) as denominator
from cut
inner join (select
    month_of(order_date) as month,
    sum(net_amount) as amount
from bought_orders
group by all) as revenue
    on cut.month = revenue.month
group by cut.reading, cut.month, cut.dimension, cut.member

-- kpi_winning_arguments over all segments (window 30 days): argument, purpose, addressed, responded, converted, orders, revenue.
with convinced as (
    select
        told.argument,
        told.purpose,
        bought_orders.net_amount
    from bought_orders
    inner join recipients_judged as told
        on
            bought_orders.person_id = told.person_id
            and told.sent_at <= bought_orders.ordered_at
            and bought_orders.order_date - told.sent_at::date <= 30
    where told.argument <> 'unknown' and not told.came_back
    qualify row_number() over (partition by bought_orders.source_system, bought_orders.order_id order by told.sent_at desc) = 1
),

orders as (
    select
        argument,
        purpose,
        count(*) as orders,
        sum(net_amount) as revenue
    from convinced
    group by all
)

select
    told.argument,
    told.purpose,
    count(*) as addressed,
    sum(told.responded::int) as responded,
    sum(told.bought::int) as converted,
    coalesce(any_value(orders.orders), 0) as orders,
    coalesce(any_value(orders.revenue), 0) as revenue
from recipients_judged as told
left join orders on told.argument = orders.argument and told.purpose = orders.purpose
where told.argument <> 'unknown'
group by told.argument, told.purpose

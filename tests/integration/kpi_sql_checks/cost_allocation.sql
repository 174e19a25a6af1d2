-- fct_customer_costs of the drivers customers, orders, revenue, service_contacts, points and direct: month, type, purpose, driver, person, share
-- before rounding; null: nobody known.
with basis as (
    select
        'customers' as driver,
        month,
        person_id,
        1 as weight
    from active_customers
    union all
    select
        'orders' as driver,
        month_of(order_date) as month,
        person_id,
        count(distinct source_system || order_id) as weight
    from sold_lines
    group by all
    union all
    select
        'revenue' as driver,
        month_of(order_date) as month,
        person_id,
        sum(net_amount) as weight
    from sold_lines
    group by all
    union all
    select
        'revenue' as driver,
        months.month,
        agreements.person_id,
        sum(agreements.monthly_amount) as weight
    from months
    inner join agreements
        on
            agreements.started <= least(months.month + interval 1 month - interval 1 day, (select as_of from run))
            and coalesce(agreements.ended, date '9999-12-31') >= months.month
    where agreements.person_id is not null
    group by all
    union all
    select
        'service_contacts' as driver,
        month_of(created_at) as month,
        person_id,
        count(*) as weight
    from tickets
    where merged_into is null and not is_noise and status <> 'deleted'
    group by all
    union all
    select
        'points' as driver,
        month,
        person_id,
        sum(points) as weight
    from club_movements
    where kind = 'earn'
    group by all
),

weights as (
    select
        driver,
        month,
        person_id,
        sum(weight) as weight
    from basis
    group by all
    having sum(weight) > 0
),

pools as (
    select
        month,
        cost_type,
        cost_purpose,
        driver,
        case when driver = 'direct' then person_id end as person_id,
        sum(amount) as amount
    from ledger
    where driver not in ('none', 'campaign_contacts')
    group by all
    having sum(amount) <> 0
)

select
    pools.month,
    pools.cost_type,
    pools.cost_purpose,
    pools.driver,
    coalesce(weights.person_id, pools.person_id) as person_id,
    sum(pools.amount::double * coalesce(weights.weight / totals.weight, 1)) as share,
    count(*) as pool_count
from pools
left join weights on pools.driver = weights.driver and pools.month = weights.month
left join (select driver, month, sum(weight) as weight from weights group by all) as totals
    on pools.driver = totals.driver and pools.month = totals.month
group by all

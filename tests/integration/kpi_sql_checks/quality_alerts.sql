-- kpi_product_quality_alerts (3 sigma, window 3, baseline 12 months, 20 orders): product, month, complaints, orders, direction.
with spans as (
    select
        products.product,
        months.month,
        (select coalesce(sum(complaints), 0) from complaint_events as e
            where e.product = products.product and e.month <= months.month and e.month >= months.month - interval 2 month) as complaints,
        (select coalesce(sum(orders), 0) from complaint_events as e
            where e.product = products.product and e.month <= months.month and e.month >= months.month - interval 2 month) as orders,
        (select coalesce(sum(complaints), 0) from complaint_events as e
            where e.product = products.product and e.month < months.month - interval 2 month and e.month >= months.month - interval 14 month)
            as complaints_before,
        (select coalesce(sum(orders), 0) from complaint_events as e
            where e.product = products.product and e.month < months.month - interval 2 month and e.month >= months.month - interval 14 month)
            as orders_before
    from months
    cross join (select distinct product from complaint_events where product <> 'unknown') as products
),

centred as (
    select
        *,
        (
            complaints_before
            + 20 * sum(complaints_before) over (partition by month) / sum(orders_before) over (partition by month)
        ) / (orders_before + 20) as centre
    from spans
),

limited as (
    select
        *,
        complaints / orders as rate,
        3 * sqrt(centre * (1 - centre) * (1 / orders + 1 / (orders_before + 20))) as margin
    from centred
    where orders >= 20 and month >= (select min(month) from complaint_events) + interval 14 month
)

select
    product,
    month,
    complaints,
    orders,
    case when rate > centre then 'above' else 'below' end as direction
from limited
where rate > centre + margin or rate < greatest(centre - margin, 0)

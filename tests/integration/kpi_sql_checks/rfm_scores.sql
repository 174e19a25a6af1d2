-- kpi_rfm_scores (window 12 months): person, days since the last order, orders, money, three scores. By counting, without windows.
with orders as (
    select
        person_id,
        (select as_of from run) - max(order_date) as recency,
        count(distinct source_system || order_id) as frequency
    from sales
    where order_date > (select as_of - interval 12 months from run)
    group by person_id
),

money as (
    select
        person_id,
        sum(revenue) as monetary
    from (
        select person_id, order_date as day, net_amount as revenue from sales
        union all
        select person_id, refund_date as day, -refund as revenue from credits
        union all
        select person_id, month as day, monthly_amount as revenue from agreement_months
    )
    where day > (select as_of - interval 12 months from run)
    group by person_id
),

valued as (
    from orders inner join money using (person_id)
)

select
    valued.person_id,
    valued.recency,
    valued.frequency,
    valued.monetary,
    (select ceil(5 * count(*) filter (where other.recency >= valued.recency) / count(*))::int from valued as other) as recency_score,
    (select ceil(5 * count(*) filter (where other.frequency <= valued.frequency) / count(*))::int from valued as other) as frequency_score,
    (select ceil(5 * count(*) filter (where other.monetary <= valued.monetary) / count(*))::int from valued as other) as monetary_score
from valued

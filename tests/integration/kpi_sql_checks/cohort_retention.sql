-- kpi_cohort_retention: cohort, months since, customers, active, revenue and margin by the month of the order, late refunds.
with moved as (
    select
        person_id,
        month,
        net_amount as revenue,
        net_amount - cost as margin,
        0 as late_refund
    from sales
    union all
    select
        person_id,
        month,
        monthly_amount as revenue,
        margin,
        0 as late_refund
    from agreement_months
    union all
    select
        person_id,
        order_month as month,
        -refund as revenue,
        -lost_margin as margin,
        if(refund_month > order_month, refund, 0) as late_refund
    from credits
),

summed as (
    select
        person_id,
        month,
        sum(revenue) as revenue,
        sum(margin) as margin,
        sum(late_refund) as late_refund
    from moved
    group by all
)

select
    ends.cohort_month,
    date_diff('month', ends.cohort_month, ends.month) as months_since,
    count(*) as cohort_count,
    count(summed.person_id) as active_count,
    coalesce(sum(summed.revenue), 0) as revenue,
    coalesce(sum(summed.margin), 0) as margin,
    coalesce(sum(summed.late_refund), 0) as late_refund
from customer_month_ends as ends
left join summed on ends.person_id = summed.person_id and ends.month = summed.month
group by all

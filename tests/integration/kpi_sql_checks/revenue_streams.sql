-- What came in by contract and otherwise, month by month.
select
    month,
    'recurring' as revenue_stream,
    sum(monthly_amount)::decimal(18, 2) as amount
from agreement_months
group by month
union all
select
    month,
    'transactional' as revenue_stream,
    sum(amount)::decimal(18, 2) as amount
from (
    select
        month,
        net_amount as amount
    from sales
    union all
    select
        refund_month as month,
        -refund as amount
    from credits
)
group by month

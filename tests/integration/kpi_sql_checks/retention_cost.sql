-- kpi_retention_cost_monthly: reading, month, costs tagged retention, customers kept.
with costs as (
    select
        'total' as reading,
        month,
        sum(amount) as cost
    from ledger
    where cost_purpose = 'retention'
    group by month
    union all
    select
        cost_type as reading,
        month,
        sum(amount) as cost
    from ledger
    where cost_purpose = 'retention'
    group by cost_type, month
    union all
    select
        'driver_' || driver as reading,
        month,
        sum(amount) as cost
    from ledger
    where cost_purpose = 'retention'
    group by driver, month
)

select
    readings.reading,
    months.month,
    coalesce(costs.cost, 0) as numerator,
    (select count(*) from kept_customers where kept_customers.month = months.month and is_kept) as denominator
from months
cross join (select distinct reading from costs) as readings
left join costs on readings.reading = costs.reading and months.month = costs.month

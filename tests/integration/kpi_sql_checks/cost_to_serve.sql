-- kpi_cost_to_serve_monthly: reading, month, costs, active customers.
select
    readings.reading,
    months.month,
    coalesce((
        select sum(amount) from ledger
        where ledger.month = months.month and (readings.reading = 'all_purposes' or ledger.cost_purpose = 'service')
    ), 0) as numerator,
    (select count(*) from active_customers where active_customers.month = months.month) as denominator
from months
cross join (select unnest(['service', 'all_purposes']) as reading) as readings

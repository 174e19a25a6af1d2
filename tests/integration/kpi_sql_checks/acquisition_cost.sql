-- kpi_acquisition_cost_monthly: reading, month, acquisition costs, customers with their first order or contract.
with monthly as (
    select
        months.month,
        coalesce((select sum(amount) from ledger where ledger.month = months.month and cost_purpose = 'acquisition'), 0) as cost,
        (select count(*) from first_days where month_of(first_day) = months.month) as won
    from months
)

select
    'monthly' as reading,
    month,
    cost as numerator,
    won as denominator
from monthly
union all
select
    'trailing_12_months' as reading,
    month,
    sum(cost) over (order by month rows between 11 preceding and current row) as numerator,
    sum(won) over (order by month rows between 11 preceding and current row) as denominator
from monthly

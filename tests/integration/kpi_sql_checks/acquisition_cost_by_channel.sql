-- kpi_acquisition_cost_monthly, monthly, by channel: month, channel, acquisition costs.
select
    month,
    coalesce(channel, 'unknown') as channel,
    sum(amount) as numerator
from ledger
where cost_purpose = 'acquisition'
group by all
having sum(amount) <> 0

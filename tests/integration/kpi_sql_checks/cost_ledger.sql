-- fct_customer_costs: month, type, purpose, driver, amount.
select
    month,
    cost_type,
    cost_purpose,
    driver,
    sum(amount) as amount
from ledger
group by all
having sum(amount) <> 0

{#- Kinds of cost whose parts do not add up to the ledger: each month, type, purpose and driver, to the cent. -#}

with ledger as (

    select
        month,
        cost_type,
        cost_purpose,
        driver,
        sum(cost_amount) as amount
    from {{ ref('fct_costs') }}
    where not is_deleted and cost_amount is not null
    group by month, cost_type, cost_purpose, driver

),

spread as (

    select
        month,
        cost_type,
        cost_purpose,
        driver,
        sum(allocated_amount) as amount
    from {{ ref('fct_customer_costs') }}
    where driver <> 'redemptions'
    group by month, cost_type, cost_purpose, driver

)

select
    coalesce(ledger.month, spread.month) as month,
    coalesce(ledger.cost_type, spread.cost_type) as cost_type,
    coalesce(ledger.cost_purpose, spread.cost_purpose) as cost_purpose,
    coalesce(ledger.driver, spread.driver) as driver,
    ledger.amount as ledger_amount,
    spread.amount as spread_amount
from ledger
full outer join spread
    on
        ledger.month = spread.month
        and ledger.cost_type = spread.cost_type
        and ledger.cost_purpose = spread.cost_purpose
        and ledger.driver = spread.driver
where coalesce(ledger.amount, 0) <> coalesce(spread.amount, 0)

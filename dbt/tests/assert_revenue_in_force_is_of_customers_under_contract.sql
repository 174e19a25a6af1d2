{#- Whoever is a customer by contract when a month ends has a row of revenue in force, and nobody else has. -#}

with recurring_revenue as (

    select
        month,
        count(*) as customer_count
    from {{ ref('kpi_recurring_revenue') }}
    group by month

),

movements as (

    select
        month,
        end_count
    from {{ ref('kpi_customer_movements_monthly') }}
    where reading = 'contractual' and dimension = 'total'

)

select
    coalesce(recurring_revenue.month, movements.month) as month,
    recurring_revenue.customer_count,
    movements.end_count
from recurring_revenue
full outer join movements on recurring_revenue.month = movements.month
where coalesce(recurring_revenue.customer_count, 0) <> coalesce(movements.end_count, 0)

{#- All cohorts together bring what all customers bring: attributing refunds to the month of their order loses and doubles none. -#}

with customer_months as (

    select * from {{ ref('fct_customer_months') }}

),

returns as (

    select * from {{ ref('fct_returns') }}
    where is_countable

),

parameters as (

    select * from {{ ref('dim_parameters') }}

),

customers as (

    select distinct customer_key from customer_months

),

sold as (

    select sum(revenue_amount + contract_amount) as amount from customer_months

),

given_back as (

    select sum(returns.refund_amount) as amount
    from returns
    cross join parameters
    inner join customers on returns.customer_key = customers.customer_key
    where returns.return_date <= parameters.as_of_date

),

cohorts as (

    select sum(revenue_amount) as amount
    from {{ ref('kpi_cohort_retention') }}
    where dimension = 'total'

)

select
    sold.amount as sold_amount,
    given_back.amount as refund_amount,
    cohorts.amount as cohort_amount
from sold
cross join given_back
cross join cohorts
where coalesce(sold.amount, 0) - coalesce(given_back.amount, 0) <> coalesce(cohorts.amount, 0)

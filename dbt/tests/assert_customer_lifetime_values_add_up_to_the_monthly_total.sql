{#- The values of all customers add up to the total of the month of the run, for the past and for the future. -#}

with customer_values as (

    select * from {{ ref('kpi_customer_lifetime_value') }}

),

totals as (

    select * from {{ ref('kpi_customer_lifetime_value_monthly') }}
    where dimension = 'total'

),

parameters as (

    select * from {{ ref('dim_parameters') }}

),

summed as (

    select
        'historic' as reading,
        sum(historic_clv_amount) as amount
    from customer_values
    union all
    select
        'predicted' as reading,
        sum(predicted_clv_amount) as amount
    from customer_values

)

select
    summed.reading,
    summed.amount,
    totals.numerator
from summed
cross join parameters
left join totals
    on
        summed.reading = totals.reading
        and parameters.as_of_month = totals.month
where coalesce(summed.amount, 0) <> coalesce(totals.numerator, 0)

{#- Grain: one row per customer and month, from the first order or contract to the month of the run. -#}

with order_lines as (

    select * from {{ ref('fct_order_lines') }}
    where is_countable and customer_key <> 'unknown'

),

contract_months as (

    select * from {{ ref('int_contracts__spread') }}

),

dates as (

    select * from {{ ref('dim_date') }}

),

parameters as (

    select * from {{ ref('dim_parameters') }}

),

active_months as (

    select
        customer_key,
        month
    from order_lines
    union all
    select
        customer_key,
        month
    from contract_months

),

first_months as (

    select
        customer_key,
        min(month) as first_month
    from active_months
    group by customer_key

),

months as (

    select
        dates.month,
        least({{ date_plus(date_plus('dates.month', 1, 'month'), -1) }}, parameters.as_of_date) as last_day
    from dates
    cross join parameters
    where dates.date_day = dates.month and dates.month <= parameters.as_of_month

),

final as (

    select
        {{ surrogate_key(['first_months.customer_key', 'months.month']) }} as customer_month_key,
        first_months.customer_key,
        months.month,
        months.last_day
    from first_months
    inner join months on first_months.first_month <= months.month

)

select * from final

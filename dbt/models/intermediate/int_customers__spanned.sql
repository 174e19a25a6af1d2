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
        month,
        order_date
    from order_lines
    union all
    select
        customer_key,
        month,
        cast(null as date) as order_date
    from contract_months

),

last_orders as (

    select
        customer_key,
        month,
        max(order_date) as last_order_date
    from active_months
    group by customer_key, month

),

first_months as (

    select
        customer_key,
        min(month) as first_month
    from last_orders
    group by customer_key

),

months as (

    select dates.month
    from dates
    cross join parameters
    where dates.date_day = dates.month and dates.month <= parameters.as_of_month

),

-- Nothing here looks at the day of the run, so that a day changes the rows of those who bought on it, and a new month adds one for each.
final as (

    select
        {{ surrogate_key(['first_months.customer_key', 'months.month']) }} as customer_month_key,
        first_months.customer_key,
        months.month,
        max(last_orders.last_order_date) over (
            partition by first_months.customer_key
            order by months.month
            rows between unbounded preceding and current row
        ) as last_order_date
    from first_months
    inner join months on first_months.first_month <= months.month
    left join last_orders on first_months.customer_key = last_orders.customer_key and months.month = last_orders.month

)

select * from final

{#- Grain: one row per customer and month at whose start the customer was active. -#}

with parameters as (

    select * from {{ ref('dim_parameters') }}

),

customers as (

    select * from {{ ref('dim_customers') }}
    where is_current

),

customer_values as (

    select * from {{ ref('kpi_customer_lifetime_value') }}

),

months as (

    select * from {{ ref('dim_date') }}
    where date_day = month

),

stretches as (

    select
        customer_key,
        started_date,
        lost_date
    from {{ ref('kpi_contract_stretches') }}
    union all
    select
        customer_key,
        started_date,
        lost_date
    from {{ ref('kpi_purchase_stretches') }}

),

-- Each stretch meets every month at whose start it runs; who has a contract and buys besides is one customer, kept by either.
active as (

    select
        stretches.customer_key,
        months.month,
        bool_or(stretches.lost_date is null or stretches.lost_date >= {{ date_plus('months.month', 1, 'month') }}) as is_retained
    from stretches
    cross join parameters
    inner join months
        on
            parameters.as_of_month >= months.month
            and stretches.started_date < months.month
            and (stretches.lost_date is null or stretches.lost_date >= months.month)
    group by stretches.customer_key, months.month

),

final as (

    select
        {{ surrogate_key(['active.customer_key', 'active.month']) }} as customer_month_key,
        active.customer_key,
        active.month,
        customers.customer_segment,
        coalesce(customer_values.abc_class, 'unknown') as abc_class,
        active.is_retained
    from active
    inner join customers on active.customer_key = customers.customer_key
    left join customer_values on active.customer_key = customer_values.customer_key

)

select * from final

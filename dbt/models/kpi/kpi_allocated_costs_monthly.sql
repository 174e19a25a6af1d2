{#- Grain: one row per month, cost type, purpose, driver, customer segment and ABC class. -#}

with parameters as (

    select * from {{ ref('dim_parameters') }}

),

customer_costs as (

    select * from {{ ref('fct_customer_costs') }}

),

customers as (

    select * from {{ ref('dim_customers') }}
    where is_current

),

customer_values as (

    select * from {{ ref('kpi_customer_lifetime_value') }}

),

grouped as (

    select
        customer_costs.month,
        customer_costs.cost_type,
        customer_costs.cost_purpose,
        customer_costs.driver,
        customers.customer_segment,
        coalesce(customer_values.abc_class, 'unknown') as abc_class,
        sum(customer_costs.allocated_amount) as cost_amount
    from customer_costs
    cross join parameters
    inner join customers on customer_costs.customer_key = customers.customer_key
    left join customer_values on customer_costs.customer_key = customer_values.customer_key
    where customer_costs.month <= parameters.as_of_month
    group by all

),

final as (

    select
        {{ surrogate_key(['month', 'cost_type', 'cost_purpose', 'driver', 'customer_segment', 'abc_class']) }} as cost_month_key,
        month,
        cost_type,
        cost_purpose,
        driver,
        customer_segment,
        abc_class,
        cast(cost_amount as decimal(18, 2)) as cost_amount
    from grouped

)

select * from final

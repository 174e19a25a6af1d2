{#- Grain: one row per customer; the unknown member and test customers have none. -#}

with parameters as (

    select * from {{ ref('dim_parameters') }}

),

customer_values as (

    select * from {{ ref('kpi_customer_lifetime_value') }}

),

customer_costs as (

    select * from {{ ref('fct_customer_costs') }}

),

contributions as (

    select * from {{ ref('kpi_customer_contributions') }}

),

-- Costs know the month only, so margins follow them: the month of the run and the eleven before it.
spent as (

    select
        customer_costs.customer_key,
        sum(customer_costs.allocated_amount) filter (where customer_costs.cost_purpose = 'service') as service_cost_amount,
        sum(customer_costs.allocated_amount) filter (where customer_costs.cost_purpose = 'retention') as retention_cost_amount,
        sum(customer_costs.allocated_amount) as cost_amount
    from customer_costs
    cross join parameters
    where
        customer_costs.month > {{ date_plus('parameters.as_of_month', -12, 'month') }}
        and customer_costs.month <= parameters.as_of_month
    group by customer_costs.customer_key

),

earned as (

    select
        contributions.customer_key,
        sum(contributions.contribution_amount) as margin_amount
    from contributions
    cross join parameters
    where contributions.month > {{ date_plus('parameters.as_of_month', -12, 'month') }}
    group by contributions.customer_key

),

compared as (

    select
        customer_values.customer_key,
        parameters.as_of_date,
        customer_values.customer_segment,
        customer_values.abc_class,
        cast(coalesce(spent.service_cost_amount, 0) as decimal(18, 2)) as service_cost_amount,
        cast(coalesce(spent.retention_cost_amount, 0) as decimal(18, 2)) as retention_cost_amount,
        cast(coalesce(spent.cost_amount, 0) as decimal(18, 2)) as cost_amount,
        cast(case when earned.customer_key is null then 0 else earned.margin_amount end as decimal(18, 2)) as margin_amount
    from customer_values
    cross join parameters
    left join spent on customer_values.customer_key = spent.customer_key
    left join earned on customer_values.customer_key = earned.customer_key

),

final as (

    select
        customer_key,
        as_of_date,
        customer_segment,
        abc_class,
        service_cost_amount,
        retention_cost_amount,
        cost_amount,
        margin_amount,
        service_cost_amount + retention_cost_amount > margin_amount as is_cost_above_margin
    from compared

)

select * from final

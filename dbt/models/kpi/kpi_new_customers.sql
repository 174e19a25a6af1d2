{#- Grain: one row per customer who ever bought something or had a contract. -#}

with customers as (

    select * from {{ ref('dim_customers') }}
    where is_current

),

customer_values as (

    select * from {{ ref('kpi_customer_lifetime_value') }}

),

stretches as (

    select
        customer_key,
        started_date
    from {{ ref('kpi_contract_stretches') }}
    union all
    select
        customer_key,
        started_date
    from {{ ref('kpi_purchase_stretches') }}

),

won as (

    select
        customer_key,
        min(started_date) as acquired_date
    from stretches
    group by customer_key

),

final as (

    select
        won.customer_key,
        won.acquired_date,
        cast(date_trunc('month', won.acquired_date) as date) as acquired_month,
        cast(date_trunc('quarter', won.acquired_date) as date) as acquired_quarter,
        customers.acquisition_channel,
        customer_values.historic_clv_amount,
        customer_values.predicted_clv_amount
    from won
    inner join customers on won.customer_key = customers.customer_key
    left join customer_values on won.customer_key = customer_values.customer_key

)

select * from final

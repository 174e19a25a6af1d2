{#- Grain: one row per customer who stopped buying lately, brought in money and has no contract. -#}

with parameters as (

    select * from {{ ref('dim_parameters') }}

),

customers as (

    select * from {{ ref('dim_customers') }}
    where is_current and not is_deleted

),

customer_values as (

    select * from {{ ref('kpi_customer_lifetime_value') }}
    where historic_clv_amount > 0

),

purchase_stretches as (

    select * from {{ ref('kpi_purchase_stretches') }}

),

contract_stretches as (

    select * from {{ ref('kpi_contract_stretches') }}

),

-- Somebody who came back after the loss has a later stretch.
latest_stretches as (

    select * from purchase_stretches
    qualify row_number() over (partition by customer_key order by stretch_number desc) = 1

),

under_contract as (

    select customer_key
    from contract_stretches
    where lost_date is null
    group by customer_key

),

final as (

    select
        customer_values.customer_key,
        cast(row_number() over (order by customer_values.historic_clv_amount desc, customer_values.customer_key asc) as bigint)
            as rank_number,
        'Lost on ' || cast(latest_stretches.lost_date as string)
        || ' after ' || cast(customer_values.order_count as string)
        || case when customer_values.order_count = 1 then ' order' else ' orders' end
        || ' worth ' || cast(cast(round(customer_values.historic_clv_amount) as bigint) as string) || ' '
        || parameters.reporting_currency || ' of margin, last order on ' || cast(latest_stretches.last_order_date as string) as reason,
        latest_stretches.lost_date,
        latest_stretches.last_order_date,
        customer_values.order_count,
        customer_values.historic_clv_amount
    from customer_values
    cross join parameters
    inner join customers on customer_values.customer_key = customers.customer_key
    inner join latest_stretches on customer_values.customer_key = latest_stretches.customer_key
    left join under_contract on customer_values.customer_key = under_contract.customer_key
    where
        under_contract.customer_key is null
        and {{ days_between('latest_stretches.lost_date', 'parameters.as_of_date') }} <= parameters.win_back_window_days

)

select * from final

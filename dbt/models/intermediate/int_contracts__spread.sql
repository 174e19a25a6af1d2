{#- Grain: one row per customer and month in which at least one contract was active. -#}

with contracts as (

    select * from {{ ref('fct_contracts') }}
    where is_countable and customer_key <> 'unknown'

),

dates as (

    select * from {{ ref('dim_date') }}

),

parameters as (

    select * from {{ ref('dim_parameters') }}

),

months as (

    select
        dates.month,
        least({{ date_plus(date_plus('dates.month', 1, 'month'), -1) }}, parameters.as_of_date) as last_day
    from dates
    cross join parameters
    where dates.date_day = dates.month and dates.month <= parameters.as_of_month

),

-- One row per contract and month it was active in, on at least one day: wanted.
active as (

    select
        contracts.customer_key,
        months.month,
        contracts.monthly_amount,
        contracts.monthly_cost_amount,
        contracts.started_date <= months.month as is_active_start
    from contracts
    inner join months
        on
            contracts.started_date <= months.last_day
            and coalesce(contracts.ended_date, date '9999-12-31') >= months.month

),

final as (

    select
        {{ surrogate_key(['customer_key', 'month']) }} as customer_month_key,
        customer_key,
        month,
        sum(monthly_amount) as contract_amount,
        sum(monthly_amount - monthly_cost_amount) as contract_margin_amount,
        count(*) as active_contract_count,
        bool_or(is_active_start) as is_active_start
    from active
    group by customer_key, month

)

select * from final

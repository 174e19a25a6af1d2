{#- Grain: one row per customer who ever bought something or had a contract. -#}

with parameters as (

    select * from {{ ref('dim_parameters') }}

),

customer_months as (

    select * from {{ ref('fct_customer_months') }}
    where customer_key <> 'unknown'

),

states as (

    select
        customer_months.customer_key,
        customer_months.month,
        coalesce(customer_months.days_since_last_order < parameters.churn_window_days, false)
        or customer_months.active_contract_count > 0 as is_active
    from customer_months
    cross join parameters

),

-- Of the customers active one horizon ago, the share that still is.
retention as (

    select {{ safe_ratio('count(*) filter (where today.is_active)', 'count(*)') }} as retention_rate
    from states as past
    cross join parameters
    inner join states as today
        on
            past.customer_key = today.customer_key
            and parameters.as_of_month = today.month
    where past.is_active and past.month = {{ date_plus('parameters.as_of_month', '-parameters.clv_horizon_months', 'month') }}

),

-- Months are calendar months, each with a row, so that counting them is exact.
averages as (

    select
        customer_key,
        count(*) as observed_months,
        sum(margin_amount + contract_margin_amount - refund_amount + returned_cost_amount) as margin_amount
    from customer_months
    group by customer_key

),

-- What one unit of money per month is worth today when it comes at the end of each month of the horizon.
annuity as (

    select
        parameters.as_of_date,
        parameters.as_of_month,
        parameters.clv_horizon_months,
        coalesce(retention.retention_rate, 1) as retention_rate,
        case
            when parameters.annual_discount_rate = 0 then cast(parameters.clv_horizon_months as double)
            else
                (1 - power(1 + parameters.annual_discount_rate, -parameters.clv_horizon_months / cast(12 as double)))
                / (power(1 + parameters.annual_discount_rate, 1 / cast(12 as double)) - 1)
        end as discounted_months
    from parameters
    cross join retention

),

final as (

    select
        averages.customer_key,
        annuity.as_of_date,
        annuity.clv_horizon_months as horizon_months,
        averages.observed_months,
        cast(averages.margin_amount / averages.observed_months as decimal(18, 2)) as average_monthly_margin_amount,
        states.is_active,
        annuity.retention_rate,
        annuity.discounted_months,
        cast(
            case when states.is_active then 1 else 0 end
            * {{ safe_ratio('averages.margin_amount', 'averages.observed_months') }} * annuity.retention_rate * annuity.discounted_months
            as decimal(18, 2)
        ) as predicted_clv_amount
    from averages
    cross join annuity
    inner join states
        on
            averages.customer_key = states.customer_key
            and annuity.as_of_month = states.month

)

select * from final

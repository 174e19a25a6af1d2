{#- Grain: one row per customer who ever bought something or had a contract. -#}

with baselines as (

    select * from {{ ref('pred_customer_value_baselines') }}
    where purpose = 'today'

),

final as (

    select
        customer_key,
        through_date as as_of_date,
        horizon_months,
        observed_months,
        average_monthly_margin_amount,
        is_active,
        retention_rate,
        discounted_months,
        predicted_amount as predicted_clv_amount
    from baselines

)

select * from final

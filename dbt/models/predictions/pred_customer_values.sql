{#- Grain: one row per customer who ever bought something or had a contract. -#}

with baseline as (

    select * from {{ ref('pred_customer_value_baseline') }}

),

scores as (

    select * from {{ source('fitted', 'customer_value_scores') }}

),

verdicts as (

    select * from {{ source('fitted', 'customer_value_verdicts') }}

),

-- A model is published where it held its own on the holdout and could score the customer.
judged as (

    select
        scores.*,
        case
            when scores.has_contract and scores.member <> 'contracts' then verdicts.model || '_and_contract'
            else verdicts.model
        end as model_name,
        verdicts.is_published and scores.predicted_amount is not null as is_modelled
    from scores
    inner join verdicts on scores.member = verdicts.member

),

final as (

    select
        baseline.customer_key,
        baseline.as_of_date,
        baseline.horizon_months,
        case when judged.is_modelled then judged.model_name else 'baseline' end as prediction_method,
        case when judged.is_modelled then judged.probability_alive end as probability_alive,
        case when judged.is_modelled then judged.expected_purchases end as expected_purchases,
        case when judged.is_modelled then judged.purchase_margin_amount end as purchase_margin_amount,
        case when judged.is_modelled then judged.expected_contract_months end as expected_contract_months,
        case when judged.is_modelled then judged.predicted_amount else baseline.predicted_clv_amount end as predicted_clv_amount,
        case when judged.is_modelled then judged.lower_amount end as lower_clv_amount,
        case when judged.is_modelled then judged.upper_amount end as upper_clv_amount
    from baseline
    left join judged on baseline.customer_key = judged.customer_key

)

select * from final

{#- Grain: one row per customer not lost on the day of the run. -#}

with parameters as (

    select * from {{ ref('dim_parameters') }}

),

scores as (

    select * from {{ source('fitted', 'churn_risk_scores') }}

),

verdicts as (

    select * from {{ source('fitted', 'churn_risk_verdicts') }}

),

features as (

    select * from {{ ref('pred_churn_features') }}
    where snapshot_number = 0

),

customer_values as (

    select * from {{ ref('pred_customer_values') }}

),

-- A history too short for a rhythm of its own is judged by the chance that the customer is still there at all.
chosen as (

    select
        scores.customer_key,
        scores.customer_type,
        scores.model_probability,
        scores.rule_probability,
        scores.driver_1,
        scores.driver_2,
        scores.driver_3,
        verdicts.grade,
        customer_values.probability_alive,
        case
            when
                scores.customer_type = 'buyer'
                and features.purchase_day_count < parameters.churn_risk_min_orders
                and customer_values.probability_alive is not null then 'alive'
            when verdicts.is_published and scores.model_probability is not null then 'classifier'
            else 'rule'
        end as prediction_method
    from scores
    cross join parameters
    inner join features on scores.customer_key = features.customer_key
    inner join verdicts on scores.customer_type = verdicts.customer_type
    left join customer_values on scores.customer_key = customer_values.customer_key

),

final as (

    select
        chosen.customer_key,
        parameters.as_of_date,
        parameters.churn_horizon_days as horizon_days,
        chosen.customer_type,
        cast(round(case
            when chosen.prediction_method = 'alive' then 1 - chosen.probability_alive
            when chosen.prediction_method = 'classifier' then chosen.model_probability
            else chosen.rule_probability
        end, 9) as double) as churn_probability,
        chosen.prediction_method,
        chosen.grade,
        chosen.driver_1,
        chosen.driver_2,
        chosen.driver_3,
        replace(
            case
                when chosen.driver_1 like '% (raises the risk)' then chosen.driver_1
                when chosen.driver_2 like '% (raises the risk)' then chosen.driver_2
                when chosen.driver_3 like '% (raises the risk)' then chosen.driver_3
            end,
            ' (raises the risk)',
            ''
        ) as main_reason
    from chosen
    cross join parameters

)

select * from final

{#- Grain: one row per customer type and tenth of the risk. -#}

with calibration as (

    select * from {{ source('fitted', 'churn_risk_calibration') }}

),

verdicts as (

    select * from {{ source('fitted', 'churn_risk_verdicts') }}

),

final as (

    select
        calibration.customer_type,
        calibration.decile,
        calibration.case_count,
        calibration.expected_rate,
        calibration.observed_rate,
        cast(round(calibration.observed_rate - calibration.expected_rate, 9) as double) as difference_rate,
        verdicts.grade,
        verdicts.is_published
    from calibration
    inner join verdicts on calibration.customer_type = verdicts.customer_type

)

select * from final

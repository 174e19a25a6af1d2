{#- Grain: one row per month, dimension and member. -#}

with parameters as (

    select * from {{ ref('dim_parameters') }}

),

forecasts as (

    select * from {{ source('fitted', 'pipeline_forecasts') }}

),

final as (

    select
        forecasts.month,
        forecasts.dimension,
        forecasts.member,
        parameters.as_of_date,
        forecasts.expected_amount,
        forecasts.lower_amount,
        forecasts.upper_amount,
        forecasts.expected_count,
        forecasts.baseline_amount,
        forecasts.baseline_count,
        forecasts.open_count,
        forecasts.unknown_amount_count,
        forecasts.method
    from forecasts
    cross join parameters

)

select * from final

{#- Grain: one row per month that is not over, stream and member. -#}

with parameters as (

    select * from {{ ref('dim_parameters') }}

),

forecasts as (

    select * from {{ source('fitted', 'revenue_forecasts') }}

),

final as (

    select
        {{ surrogate_key(['forecasts.month', 'forecasts.revenue_stream', 'forecasts.member']) }} as revenue_forecast_key,
        parameters.as_of_date,
        forecasts.month,
        forecasts.revenue_stream,
        forecasts.member,
        cast(
            12 * (extract(year from forecasts.month) - extract(year from parameters.as_of_date))
            + extract(month from forecasts.month) - extract(month from parameters.as_of_date)
            as bigint
        ) as months_ahead,
        forecasts.expected_amount,
        forecasts.lower_amount,
        forecasts.upper_amount,
        forecasts.method
    from forecasts
    cross join parameters

)

select * from final

{#- Grain: one row per night, month that is over by now, stream and member. -#}

with forecasts as (

    select * from {{ source('journal', 'revenue_forecasts') }}

),

actuals as (

    select * from {{ ref('pred_revenue_months') }}
    where purpose = 'today' and is_complete

),

final as (

    select
        forecasts.as_of_date,
        forecasts.month,
        forecasts.revenue_stream,
        forecasts.member,
        cast(
            12 * (extract(year from forecasts.month) - extract(year from forecasts.as_of_date))
            + extract(month from forecasts.month) - extract(month from forecasts.as_of_date)
            as bigint
        ) as months_ahead,
        forecasts.method,
        forecasts.expected_amount,
        forecasts.lower_amount,
        forecasts.upper_amount,
        actuals.revenue_amount as actual_amount,
        cast(forecasts.expected_amount - actuals.revenue_amount as decimal(18, 2)) as error_amount,
        cast(abs(forecasts.expected_amount - actuals.revenue_amount) as decimal(18, 2)) as absolute_error_amount,
        actuals.revenue_amount >= forecasts.lower_amount and actuals.revenue_amount <= forecasts.upper_amount as is_covered
    from forecasts
    inner join actuals
        on
            forecasts.month = actuals.month
            and forecasts.revenue_stream = actuals.revenue_stream
            and forecasts.member = actuals.member

)

select * from final

{#- Grain: one row per month (over, open or to come), stream and member. -#}

with actuals as (

    select * from {{ ref('pred_revenue_months') }}
    where purpose = 'today'

),

forecasts as (

    select * from {{ ref('pred_revenue_forecasts') }}

),

final as (

    select
        {{ surrogate_key([
            'coalesce(actuals.month, forecasts.month)',
            'coalesce(actuals.revenue_stream, forecasts.revenue_stream)',
            'coalesce(actuals.member, forecasts.member)',
        ]) }} as revenue_forecast_key,
        coalesce(actuals.month, forecasts.month) as month,
        coalesce(actuals.revenue_stream, forecasts.revenue_stream) as revenue_stream,
        coalesce(actuals.member, forecasts.member) as member,
        not coalesce(actuals.is_complete, false) as is_forecast,
        forecasts.months_ahead,
        actuals.revenue_amount as actual_amount,
        forecasts.expected_amount,
        forecasts.lower_amount,
        forecasts.upper_amount,
        forecasts.method
    from actuals
    full outer join forecasts
        on
            actuals.month = forecasts.month
            and actuals.revenue_stream = forecasts.revenue_stream
            and actuals.member = forecasts.member

)

select * from final

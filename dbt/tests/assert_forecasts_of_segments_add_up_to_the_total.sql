{#- What is expected of all segments is what is expected in total, to the cent, and lies within its interval. -#}

with forecasts as (

    select * from {{ ref('pred_revenue_forecasts') }}

),

added as (

    select
        month,
        revenue_stream,
        sum(expected_amount) filter (where member = 'total') as total_amount,
        sum(expected_amount) filter (where member <> 'total') as segments_amount,
        count(*) filter (where expected_amount < lower_amount or expected_amount > upper_amount) as outside_count
    from forecasts
    group by month, revenue_stream

)

select
    month,
    revenue_stream,
    total_amount,
    segments_amount,
    outside_count
from added
where
    total_amount is null
    or segments_amount is null
    or total_amount <> segments_amount
    or outside_count > 0

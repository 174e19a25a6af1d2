{#- Both streams together are what customers bring, month by month and to the cent, in total and over the segments. -#}

with contributions as (

    select
        month,
        sum(revenue_amount - refund_amount) as amount
    from {{ ref('kpi_customer_contributions') }}
    group by month

),

streams as (

    select
        month,
        sum(revenue_amount) filter (where member = 'total') as total_amount,
        sum(revenue_amount) filter (where member <> 'total') as segments_amount
    from {{ ref('pred_revenue_months') }}
    where purpose = 'today'
    group by month

)

select
    contributions.month,
    contributions.amount,
    streams.total_amount,
    streams.segments_amount
from contributions
left join streams on contributions.month = streams.month
where
    streams.month is null
    or contributions.amount <> streams.total_amount
    or contributions.amount <> streams.segments_amount

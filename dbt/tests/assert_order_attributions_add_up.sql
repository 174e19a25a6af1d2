{#- Orders whose shares do not add up to exactly 1, or whose amounts not to the net amount, in one of the attribution models. -#}

with order_touches as (

    select * from {{ ref('kpi_order_touches') }}
    where touch_number = 1

),

attributions as (

    select * from {{ ref('kpi_order_attributions') }}

),

summed as (

    select
        order_key,
        attribution_model,
        sum(order_share) as order_share,
        sum(attributed_amount) as attributed_amount
    from attributions
    group by order_key, attribution_model

),

models as (

    select attribution_model
    from attributions
    group by attribution_model

)

select
    order_touches.order_key,
    models.attribution_model,
    order_touches.net_amount,
    summed.attributed_amount,
    summed.order_share
from order_touches
cross join models
left join summed
    on
        order_touches.order_key = summed.order_key
        and models.attribution_model = summed.attribution_model
where coalesce(summed.order_share, 0) <> 1 or coalesce(summed.attributed_amount, 0) <> order_touches.net_amount

{#- Grain: one row per product and month in which its complaint rate left its control limits. -#}

with limits as (

    select * from {{ ref('kpi_product_complaint_limits') }}
    where is_judged

),

outside as (

    select
        *,
        case when complaint_rate > upper_limit then 'above' else 'below' end as direction
    from limits
    where complaint_rate > upper_limit or complaint_rate < lower_limit

),

final as (

    select
        product_month_key,
        product_key,
        product_id,
        product_name,
        product_category,
        month,
        direction,
        -- The month before was no alert of this kind: production has not heard of it.
        coalesce(
            lag(month) over (partition by product_key, direction order by month) <> {{ date_plus('month', -1, 'month') }}, true
        ) as is_new,
        complaint_count,
        order_count,
        complaint_rate,
        centre_line,
        lower_limit,
        upper_limit,
        is_final
    from outside

)

select * from final

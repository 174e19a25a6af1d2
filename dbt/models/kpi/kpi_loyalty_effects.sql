{#- Grain: one row per month and customer segment with members or customers they are compared with. -#}

with observations as (

    select * from {{ ref('kpi_loyalty_observations') }}

),

spread as (

    select
        month,
        customer_segment,
        is_member,
        weight,
        order_count,
        margin_amount,
        case when is_member then weight else -weight end as signed_weight,
        var_samp(case when weight is not null then cast(order_count as double) end) over (partition by month, is_member) as order_variance,
        var_samp(case when weight is not null then cast(margin_amount as double) end) over (partition by month, is_member)
            as margin_variance
    from observations

),

final as (

    select
        {{ surrogate_key(['month', 'customer_segment']) }} as loyalty_effect_key,
        month,
        customer_segment,
        count(*) filter (where is_member) as all_member_count,
        count(*) filter (where is_member and weight is not null) as member_count,
        count(*) filter (where not is_member and weight is not null) as comparable_count,
        cast(coalesce(sum(signed_weight * order_count), 0) as decimal(18, 4)) as extra_orders,
        cast(coalesce(sum(signed_weight * cast(margin_amount as double)), 0) as decimal(18, 4)) as extra_margin_amount,
        sum(weight * weight * order_variance) as order_variance,
        sum(weight * weight * margin_variance) as margin_variance
    from spread
    group by month, customer_segment

)

select * from final

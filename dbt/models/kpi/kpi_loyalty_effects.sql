{#- Grain: one row per month and customer segment with members or customers they are compared with. -#}

with observations as (

    select * from {{ ref('kpi_loyalty_observations') }}

),

-- Sums of decimals, so that the order of the rows does not show in the last digits.
sides as (

    select
        month,
        is_member,
        count(*) as row_count,
        sum(order_count) as order_count,
        sum(order_count * order_count) as squared_order_count,
        sum(margin_amount) as margin_amount,
        sum(margin_amount * margin_amount) as squared_margin_amount
    from observations
    where weight is not null
    group by month, is_member

),

varied as (

    select
        month,
        is_member,
        (squared_order_count - cast(order_count * order_count as double) / row_count) / nullif(row_count - 1, 0) as order_variance,
        (cast(squared_margin_amount as double) - power(cast(margin_amount as double), 2) / row_count) / nullif(row_count - 1, 0)
            as margin_variance
    from sides

),

weighed as (

    select
        month,
        customer_segment,
        is_member,
        count(*) as row_count,
        count(weight) as weighed_count,
        sum(weight * order_count) as order_count,
        sum(weight * margin_amount) as margin_amount,
        sum(weight * weight) as squared_weight
    from observations
    group by month, customer_segment, is_member

),

final as (

    select
        {{ surrogate_key(['weighed.month', 'weighed.customer_segment']) }} as loyalty_effect_key,
        weighed.month,
        weighed.customer_segment,
        cast(coalesce(sum(weighed.row_count) filter (where weighed.is_member), 0) as bigint) as all_member_count,
        cast(coalesce(sum(weighed.weighed_count) filter (where weighed.is_member), 0) as bigint) as member_count,
        cast(coalesce(sum(weighed.weighed_count) filter (where not weighed.is_member), 0) as bigint) as comparable_count,
        cast(
            coalesce(sum(case when weighed.is_member then weighed.order_count else -weighed.order_count end), 0) as decimal(18, 4)
        ) as extra_orders,
        cast(
            coalesce(sum(case when weighed.is_member then weighed.margin_amount else -weighed.margin_amount end), 0) as decimal(18, 4)
        ) as extra_margin_amount,
        cast({{ rounded('sum(weighed.squared_weight * varied.order_variance)', 8) }} as decimal(28, 8)) as order_variance,
        cast({{ rounded('sum(weighed.squared_weight * varied.margin_variance)', 8) }} as decimal(28, 8)) as margin_variance
    from weighed
    left join varied on weighed.month = varied.month and weighed.is_member = varied.is_member
    group by weighed.month, weighed.customer_segment

)

select * from final

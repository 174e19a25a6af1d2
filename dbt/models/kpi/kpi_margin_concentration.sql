{#- Grain: one row per month end of the last two years and decile of the customers, 1 being those with the highest margin. -#}

with parameters as (

    select * from {{ ref('dim_parameters') }}

),

value_classes as (

    select * from {{ ref('kpi_value_classes_monthly') }}

),

deciles as (

    {% for decile in range(1, 11) -%}
    select {{ decile }} as decile{{ ' union all' if not loop.last }}
    {% endfor %}

),

-- Not ntile, which tears customers of the same margin apart: they share the decile that the last of them falls into.
ranked as (

    select
        month,
        margin_12m_amount,
        ceil(cume_dist() over (partition by month order by margin_12m_amount desc) * 10) as decile
    from value_classes
    where is_active_12m

),

summed as (

    select
        month,
        decile,
        count(*) as customer_count,
        sum(margin_12m_amount) as margin_amount,
        sum(case when margin_12m_amount > 0 then margin_12m_amount else 0 end) as positive_margin_amount
    from ranked
    group by month, decile

),

months as (

    select month
    from value_classes
    group by month

),

-- A decile that a tie leaves empty has a row, too, so that the curve has ten points.
filled as (

    select
        months.month,
        deciles.decile,
        coalesce(summed.customer_count, 0) as customer_count,
        coalesce(summed.margin_amount, 0) as margin_amount,
        coalesce(summed.positive_margin_amount, 0) as positive_margin_amount,
        sum(coalesce(summed.positive_margin_amount, 0)) over (
            partition by months.month
            order by deciles.decile
            rows between unbounded preceding and current row
        ) as cumulative_margin_amount,
        sum(coalesce(summed.positive_margin_amount, 0)) over (partition by months.month) as total_margin_amount
    from months
    cross join deciles
    left join summed on months.month = summed.month and deciles.decile = summed.decile

),

final as (

    select
        {{ surrogate_key(['filled.month', 'filled.decile']) }} as margin_concentration_key,
        filled.month,
        cast(filled.decile as bigint) as decile,
        cast(filled.customer_count as bigint) as customer_count,
        cast(filled.margin_amount as decimal(18, 2)) as margin_amount,
        cast(filled.positive_margin_amount as decimal(18, 2)) as positive_margin_amount,
        cast(filled.positive_margin_amount - filled.margin_amount as decimal(18, 2)) as loss_amount,
        {{ safe_ratio('filled.positive_margin_amount', 'filled.total_margin_amount') }} as margin_share_rate,
        {{ safe_ratio('filled.cumulative_margin_amount', 'filled.total_margin_amount') }} as cumulative_margin_share_rate,
        filled.month < parameters.as_of_month as is_final
    from filled
    cross join parameters

)

select * from final

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
        sum(greatest(margin_12m_amount, 0)) as positive_margin_amount
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
        coalesce(summed.positive_margin_amount, 0) as positive_margin_amount
    from months
    cross join deciles
    left join summed on months.month = summed.month and deciles.decile = summed.decile

),

accumulated as (

    select
        month,
        decile,
        customer_count,
        margin_amount,
        positive_margin_amount,
        sum(positive_margin_amount) over (
            partition by month
            order by decile
            rows between unbounded preceding and current row
        ) as cumulative_margin_amount,
        sum(positive_margin_amount) over (partition by month) as total_margin_amount
    from filled

),

final as (

    select
        {{ surrogate_key(['accumulated.month', 'accumulated.decile']) }} as margin_concentration_key,
        accumulated.month,
        cast(accumulated.decile as bigint) as decile,
        cast(accumulated.customer_count as bigint) as customer_count,
        cast(accumulated.margin_amount as decimal(18, 2)) as margin_amount,
        cast(accumulated.positive_margin_amount as decimal(18, 2)) as positive_margin_amount,
        cast(accumulated.positive_margin_amount - accumulated.margin_amount as decimal(18, 2)) as loss_amount,
        cast(accumulated.total_margin_amount as decimal(18, 2)) as total_margin_amount,
        {{ safe_ratio('accumulated.positive_margin_amount', 'accumulated.total_margin_amount') }} as margin_share_rate,
        {{ safe_ratio('accumulated.cumulative_margin_amount', 'accumulated.total_margin_amount') }} as cumulative_margin_share_rate,
        accumulated.month < parameters.as_of_month as is_final
    from accumulated
    cross join parameters

)

select * from final

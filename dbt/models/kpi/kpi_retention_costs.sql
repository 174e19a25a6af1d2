{#- Grain: one row per reading (total, a cost type, a driver), month, customer segment and ABC class. -#}

with allocated_costs as (

    select * from {{ ref('kpi_allocated_costs_monthly') }}
    where cost_purpose = 'retention'

),

customer_months as (

    select * from {{ ref('kpi_retained_customer_months') }}
    where is_retained

),

costs as (

    {% for reading in ["'total'", 'cost_type', "'driver_' || driver"] -%}
    select
        {{ reading }} as reading,
        month,
        customer_segment,
        abc_class,
        cost_amount
    from allocated_costs
    {{ 'union all' if not loop.last }}
    {% endfor %}

),

readings as (

    select 'total' as reading
    union
    select reading from costs

),

retained as (

    select
        month,
        customer_segment,
        abc_class,
        count(*) as retained_count
    from customer_months
    group by all

),

-- Every reading is per customer retained: their number is the same in each.
joined as (

    select
        reading,
        month,
        customer_segment,
        abc_class,
        cost_amount,
        0 as retained_count
    from costs
    union all
    select
        readings.reading,
        retained.month,
        retained.customer_segment,
        retained.abc_class,
        0 as cost_amount,
        retained.retained_count
    from retained
    cross join readings

),

final as (

    select
        {{ surrogate_key(['reading', 'month', 'customer_segment', 'abc_class']) }} as retention_cost_key,
        reading,
        month,
        customer_segment,
        abc_class,
        cast(sum(cost_amount) as decimal(18, 2)) as cost_amount,
        cast(sum(retained_count) as bigint) as retained_count
    from joined
    group by all

)

select * from final

{#- Grain: one row per reading (orders, margin), month, dimension and member. -#}
{%- set dimensions = var('kpi_dimensions', ['customer_segment']) %}

with parameters as (

    select * from {{ ref('dim_parameters') }}

),

loyalty_effects as (

    select * from {{ ref('kpi_loyalty_effects') }}

),

allocated_costs as (

    select * from {{ ref('kpi_allocated_costs_monthly') }}
    where cost_type = 'loyalty'

),

joined as (

    select
        month,
        customer_segment,
        all_member_count,
        member_count,
        comparable_count,
        extra_orders,
        extra_margin_amount,
        order_variance,
        margin_variance,
        0 as programme_cost_amount
    from loyalty_effects
    union all
    select
        month,
        customer_segment,
        0 as all_member_count,
        0 as member_count,
        0 as comparable_count,
        0 as extra_orders,
        0 as extra_margin_amount,
        0 as order_variance,
        0 as margin_variance,
        cost_amount as programme_cost_amount
    from allocated_costs

),

summed as (

    select
        month,
        case
            {%- for dimension in dimensions %}
            when grouping({{ dimension }}) = 0 then '{{ dimension }}'
            {%- endfor %}
            else 'total'
        end as dimension,
        coalesce({{ dimensions | join(', ') }}, 'total') as member,
        sum(all_member_count) as all_member_count,
        sum(member_count) as member_count,
        sum(comparable_count) as comparable_count,
        sum(extra_orders) as extra_orders,
        sum(extra_margin_amount) as extra_margin_amount,
        sum(order_variance) as order_variance,
        sum(margin_variance) as margin_variance,
        cast(sum(programme_cost_amount) as decimal(18, 2)) as programme_cost_amount
    from joined
    group by grouping sets (
        (month)
        {%- for dimension in dimensions %}, (month, {{ dimension }}){% endfor %}
    )

),

readings as (

    {% for reading, extra, variance, unit in [
        ('orders', 'extra_orders', 'order_variance', 'count'),
        ('margin', 'extra_margin_amount', 'margin_variance', 'currency'),
    ] -%}
    select
        '{{ reading }}' as reading,
        month,
        dimension,
        member,
        cast({{ extra }} as decimal(18, 4)) as numerator,
        cast(member_count as decimal(18, 2)) as denominator,
        {{ safe_ratio(extra, 'member_count') }} as value,
        '{{ unit }}' as unit,
        {{ safe_ratio('sqrt(' ~ variance ~ ')', 'member_count') }} as standard_error,
        all_member_count,
        comparable_count,
        programme_cost_amount
    from summed
    {{ 'union all' if not loop.last }}
    {% endfor %}

),

final as (

    select
        readings.reading,
        readings.month,
        readings.dimension,
        readings.member,
        readings.numerator,
        readings.denominator,
        readings.value,
        readings.unit,
        readings.standard_error,
        readings.value - 1.96 * readings.standard_error as lower_bound,
        readings.value + 1.96 * readings.standard_error as upper_bound,
        cast(readings.all_member_count as bigint) as all_member_count,
        cast(readings.comparable_count as bigint) as comparable_count,
        case when readings.reading = 'margin' then readings.programme_cost_amount end as programme_cost_amount,
        case
            when readings.reading = 'margin'
                then cast(
                    {{ rounded('coalesce(readings.value * readings.all_member_count, 0) - readings.programme_cost_amount', 2) }}
                    as decimal(18, 2)
                )
        end as net_effect_amount,
        readings.month < parameters.as_of_month as is_final
    from readings
    cross join parameters

)

select * from final

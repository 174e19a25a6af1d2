{#- Grain: one row per reading (orders, margin), dimension and member: the whole time up to the run. -#}
{%- set dimensions = var('kpi_dimensions', ['customer_segment']) -%}
{%- set of_one_side = 'partition by month, customer_segment, is_member' %}

with parameters as (

    select * from {{ ref('dim_parameters') }}

),

observations as (

    select * from {{ ref('kpi_loyalty_observations') }}
    where weight is not null

),

allocated_costs as (

    select * from {{ ref('kpi_allocated_costs_monthly') }}
    where cost_type = 'loyalty'

),

deviations as (

    select
        customer_key,
        customer_segment,
        is_member,
        case when is_member then weight else -weight end as signed_weight,
        order_count,
        margin_amount,
        order_count
        - cast(sum(weight * order_count) over ({{ of_one_side }}) as double) / sum(weight) over ({{ of_one_side }}) as order_deviation,
        margin_amount
        - cast(sum(weight * margin_amount) over ({{ of_one_side }}) as double) / sum(weight) over ({{ of_one_side }}) as margin_deviation
    from observations

),

-- The months of one customer are alike: they go together into the variance, on whichever side they stand. Decimals, so that
-- the order of the rows does not show in the last digits.
customers as (

    select
        customer_key,
        customer_segment,
        count(*) filter (where is_member) as member_months,
        sum(signed_weight * order_count) as extra_orders,
        sum(signed_weight * margin_amount) as extra_margin,
        power(cast(sum(cast({{ rounded('signed_weight * order_deviation', 8) }} as decimal(18, 8))) as double), 2) as order_variance,
        power(cast(sum(cast({{ rounded('signed_weight * margin_deviation', 8) }} as decimal(18, 8))) as double), 2) as margin_variance
    from deviations
    group by customer_key, customer_segment

),

joined as (

    select
        customer_segment,
        cast(member_months > 0 as int) as member_count,
        member_months,
        extra_orders,
        extra_margin,
        cast({{ rounded('order_variance', 8) }} as decimal(28, 8)) as order_variance,
        cast({{ rounded('margin_variance', 8) }} as decimal(28, 8)) as margin_variance,
        0 as programme_cost_amount
    from customers
    union all
    select
        customer_segment,
        0 as member_count,
        0 as member_months,
        0 as extra_orders,
        0 as extra_margin,
        0 as order_variance,
        0 as margin_variance,
        cost_amount as programme_cost_amount
    from allocated_costs

),

summed as (

    select
        case
            {%- for dimension in dimensions %}
            when grouping({{ dimension }}) = 0 then '{{ dimension }}'
            {%- endfor %}
            else 'total'
        end as dimension,
        coalesce({{ dimensions | join(', ') }}, 'total') as member,
        sum(member_count) as member_count,
        sum(member_months) as member_months,
        sum(extra_orders) as extra_orders,
        sum(extra_margin) as extra_margin,
        sum(order_variance) as order_variance,
        sum(margin_variance) as margin_variance,
        sum(programme_cost_amount) as programme_cost_amount
    from joined
    group by grouping sets (() {%- for dimension in dimensions %}, ({{ dimension }}){% endfor %})
    having count(*) > 0

),

final as (

    {% for reading, extra, variance in [('orders', 'extra_orders', 'order_variance'), ('margin', 'extra_margin', 'margin_variance')] -%}
    select
        '{{ reading }}' as reading,
        summed.dimension,
        summed.member,
        parameters.as_of_date,
        cast(summed.member_count as bigint) as member_count,
        cast(summed.member_months as bigint) as member_month_count,
        {{ safe_ratio('summed.' ~ extra, 'summed.member_months') }} as value,
        {{ safe_ratio('sqrt(summed.' ~ variance ~ ')', 'summed.member_months') }} as standard_error,
        {{ safe_ratio('summed.' ~ extra ~ ' - 1.96 * sqrt(summed.' ~ variance ~ ')', 'summed.member_months') }} as lower_bound,
        {{ safe_ratio('summed.' ~ extra ~ ' + 1.96 * sqrt(summed.' ~ variance ~ ')', 'summed.member_months') }} as upper_bound,
        cast({{ 'summed.programme_cost_amount' if reading == 'margin' else 'null' }} as decimal(18, 2)) as programme_cost_amount
    from summed
    cross join parameters
    {{ 'union all' if not loop.last }}
    {% endfor %}

)

select * from final

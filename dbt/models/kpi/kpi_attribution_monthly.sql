{#- Grain: one row per reading (the attribution model), month of the order, dimension and member. -#}
{%- set dimensions = var('kpi_dimensions', ['channel', 'campaign', 'touch_type']) -%}

with parameters as (

    select * from {{ ref('dim_parameters') }}

),

attributions as (

    select * from {{ ref('kpi_order_attributions') }}

),

months as (

    select * from {{ ref('dim_date') }}
    where date_day = month

),

readings as (

    select 'first_touch' as reading
    union all
    select 'last_touch' as reading
    union all
    select 'linear' as reading
    union all
    select 'position_based' as reading

),

-- Shares of orders are many, their combinations few: only these are summed once for every dimension.
combined as (

    select
        attribution_model as reading,
        month,
        {{ dimensions | join(', ') }},
        sum(attributed_amount) as attributed_amount,
        sum(order_share) as order_share
    from attributions
    group by attribution_model, month, {{ dimensions | join(', ') }}

),

counted as (

    select
        reading,
        month,
        case
            {%- for dimension in dimensions %}
            when grouping({{ dimension }}) = 0 then '{{ dimension }}'
            {%- endfor %}
            else 'total'
        end as dimension,
        coalesce({{ dimensions | join(', ') }}, 'total') as member,
        sum(attributed_amount) as attributed_amount,
        sum(order_share) as order_share
    from combined
    group by grouping sets (
        (reading, month)
        {%- for dimension in dimensions %}, (reading, month, {{ dimension }}){% endfor %}
    )

),

with_empty_months as (

    select * from counted
    union all
    select
        readings.reading,
        months.month,
        'total' as dimension,
        'total' as member,
        0 as attributed_amount,
        0 as order_share
    from months
    cross join readings
    cross join parameters
    where months.month >= (select min(counted.month) from counted) and months.month <= parameters.as_of_month

),

summed as (

    select
        reading,
        month,
        dimension,
        member,
        cast(sum(attributed_amount) as decimal(18, 2)) as attributed_amount,
        cast(sum(order_share) as decimal(18, 2)) as attributed_order_count
    from with_empty_months
    group by all

),

-- Every member is measured against the whole revenue of the month.
compared as (

    select
        *,
        sum(case when dimension = 'total' then attributed_amount else 0 end) over (partition by reading, month) as revenue_amount
    from summed

),

final as (

    select
        compared.reading,
        compared.month,
        compared.dimension,
        compared.member,
        compared.attributed_amount as numerator,
        cast(compared.revenue_amount as decimal(18, 2)) as denominator,
        {{ safe_ratio('compared.attributed_amount', 'compared.revenue_amount') }} as value,
        'rate' as unit,
        compared.attributed_order_count,
        compared.month < parameters.as_of_month as is_final
    from compared
    cross join parameters

)

select * from final

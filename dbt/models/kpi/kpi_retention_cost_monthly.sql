{#- Grain: one row per reading (total, a cost type, a driver), month, dimension and member. -#}
{%- set dimensions = var('kpi_dimensions', ['customer_segment', 'abc_class']) %}

with parameters as (

    select * from {{ ref('dim_parameters') }}

),

retention_costs as (

    select * from {{ ref('kpi_retention_costs') }}

),

campaigns as (

    select * from {{ ref('kpi_incremental_retention') }}
    where is_final

),

months as (

    select * from {{ ref('dim_date') }}
    where date_day = month

),

readings as (

    select
        reading,
        min(min(month)) over () as first_month
    from retention_costs
    group by reading

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
        sum(cost_amount) as cost_amount,
        sum(retained_count) as retained_count
    from retention_costs
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
        0 as cost_amount,
        0 as retained_count
    from readings
    cross join parameters
    inner join months on readings.first_month <= months.month and parameters.as_of_month >= months.month

),

summed as (

    select
        reading,
        month,
        dimension,
        member,
        cast(sum(cost_amount) as decimal(18, 2)) as numerator,
        cast(sum(retained_count) as decimal(18, 2)) as denominator
    from with_empty_months
    group by all

),

-- What the campaigns that began in a month and kept a holdout cost, and whom they kept that would have gone.
incremental as (

    select
        'total' as reading,
        month,
        'total' as dimension,
        cast(sum(cast({{ rounded('incremental_retained_count', 6) }} as decimal(18, 6))) as double) as incremental_retained_count,
        sum(cost_amount) as cost_amount
    from campaigns
    group by month

),

final as (

    select
        summed.reading,
        summed.month,
        summed.dimension,
        summed.member,
        summed.numerator,
        summed.denominator,
        {{ safe_ratio('summed.numerator', 'summed.denominator') }} as value,
        'currency' as unit,
        incremental.incremental_retained_count,
        case
            when incremental.incremental_retained_count > 0
                then cast(incremental.cost_amount as double) / incremental.incremental_retained_count
        end as cost_per_incremental_customer,
        summed.month < parameters.as_of_month as is_final
    from summed
    cross join parameters
    left join incremental
        on
            summed.reading = incremental.reading
            and summed.month = incremental.month
            and summed.dimension = incremental.dimension

)

select * from final

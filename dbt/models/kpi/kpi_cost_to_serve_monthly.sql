{#- Grain: one row per reading (service, all_purposes), month, dimension and member. -#}
{%- set dimensions = var('kpi_dimensions', ['customer_segment', 'abc_class']) %}

with parameters as (

    select * from {{ ref('dim_parameters') }}

),

allocated_costs as (

    select * from {{ ref('kpi_allocated_costs_monthly') }}

),

customer_months as (

    select * from {{ ref('fct_customer_months') }}
    where is_active

),

customer_values as (

    select * from {{ ref('kpi_customer_lifetime_value') }}

),

months as (

    select * from {{ ref('dim_date') }}
    where date_day = month

),

readings as (

    select 'service' as reading
    union all
    select 'all_purposes' as reading

),

-- What is spent on somebody who is no active customer any more, or not yet, is spent all the same.
weighed as (

    select
        readings.reading,
        allocated_costs.month,
        allocated_costs.customer_segment,
        allocated_costs.abc_class,
        allocated_costs.cost_amount,
        0 as customer_count
    from allocated_costs
    inner join readings on readings.reading = 'all_purposes' or allocated_costs.cost_purpose = readings.reading
    union all
    select
        readings.reading,
        customer_months.month,
        customer_values.customer_segment,
        coalesce(customer_values.abc_class, 'unknown') as abc_class,
        0 as cost_amount,
        1 as customer_count
    from customer_months
    inner join customer_values on customer_months.customer_key = customer_values.customer_key
    cross join readings

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
        sum(customer_count) as customer_count
    from weighed
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
        0 as customer_count
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
        cast(sum(cost_amount) as decimal(18, 2)) as numerator,
        cast(sum(customer_count) as decimal(18, 2)) as denominator
    from with_empty_months
    group by all

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
        summed.month < parameters.as_of_month as is_final
    from summed
    cross join parameters

)

select * from final

{#- Grain: one row per reading (monthly, trailing_12_months), month, dimension and member. -#}
{%- set dimensions = var('kpi_dimensions', ['acquisition_channel']) %}

with parameters as (

    select * from {{ ref('dim_parameters') }}

),

costs as (

    select * from {{ ref('fct_costs') }}
    where cost_purpose = 'acquisition' and not is_deleted

),

channels as (

    select * from {{ ref('dim_channels') }}

),

new_customers as (

    select * from {{ ref('kpi_new_customers') }}

),

months as (

    select * from {{ ref('dim_date') }}
    where date_day = month

),

-- A month counts for itself, and for the eleven after it in the trailing reading.
readings as (

    select
        'monthly' as reading,
        1 as month_count
    union all
    select
        'trailing_12_months' as reading,
        12 as month_count

),

weighed as (

    select
        costs.month,
        channels.channel as acquisition_channel,
        coalesce(costs.cost_amount, 0) as cost_amount,
        0 as new_count
    from costs
    inner join channels on costs.channel_key = channels.channel_key
    union all
    select
        acquired_month as month,
        acquisition_channel,
        0 as cost_amount,
        1 as new_count
    from new_customers

),

counted as (

    select
        month,
        case
            {%- for dimension in dimensions %}
            when grouping({{ dimension }}) = 0 then '{{ dimension }}'
            {%- endfor %}
            else 'total'
        end as dimension,
        coalesce({{ dimensions | join(', ') }}, 'total') as member,
        sum(cost_amount) as cost_amount,
        sum(new_count) as new_count
    from weighed
    group by grouping sets (
        (month)
        {%- for dimension in dimensions %}, (month, {{ dimension }}){% endfor %}
    )

),

with_empty_months as (

    select * from counted
    union all
    select
        months.month,
        'total' as dimension,
        'total' as member,
        0 as cost_amount,
        0 as new_count
    from months
    where months.month >= (select min(counted.month) from counted)

),

summed as (

    select
        readings.reading,
        months.month,
        with_empty_months.dimension,
        with_empty_months.member,
        cast(sum(with_empty_months.cost_amount) as decimal(18, 2)) as numerator,
        cast(sum(with_empty_months.new_count) as decimal(18, 2)) as denominator
    from with_empty_months
    cross join readings
    cross join parameters
    inner join months
        on
            with_empty_months.month <= months.month
            and parameters.as_of_month >= months.month
            and {{ date_plus('with_empty_months.month', 'readings.month_count', 'month') }} > months.month
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

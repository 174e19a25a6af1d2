{#- Grain: one row per reading (historic, predicted; by month and by quarter), month, dimension and member. -#}
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

readings as (

    select
        'historic' as reading,
        'month' as period
    union all
    select
        'historic_quarter' as reading,
        'quarter' as period
    union all
    select
        'predicted' as reading,
        'month' as period
    union all
    select
        'predicted_quarter' as reading,
        'quarter' as period

),

-- What a cohort brought in so far, or that and what it will bring in over the horizon, beside what winning it cost.
weighed as (

    select
        readings.reading,
        case
            when readings.period = 'quarter' then cast(date_trunc('quarter', costs.month) as date) else costs.month
        end as month,
        channels.channel as acquisition_channel,
        0 as clv_amount,
        0 as customer_count,
        coalesce(costs.cost_amount, 0) as cost_amount
    from costs
    inner join channels on costs.channel_key = channels.channel_key
    cross join readings
    cross join parameters
    where costs.month <= parameters.as_of_month
    union all
    select
        readings.reading,
        case when readings.period = 'quarter' then new_customers.acquired_quarter else new_customers.acquired_month end as month,
        new_customers.acquisition_channel,
        coalesce(new_customers.historic_clv_amount, 0)
        + case
            when readings.reading in ('predicted', 'predicted_quarter') then coalesce(new_customers.predicted_clv_amount, 0) else 0
        end as clv_amount,
        1 as customer_count,
        0 as cost_amount
    from new_customers
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
        cast(sum(clv_amount) as decimal(18, 2)) as numerator,
        cast(sum(cost_amount) as decimal(18, 2)) as denominator,
        cast(sum(customer_count) as bigint) as customer_count
    from weighed
    group by grouping sets (
        (reading, month)
        {%- for dimension in dimensions %}, (reading, month, {{ dimension }}){% endfor %}
    )

),

final as (

    select
        counted.reading,
        counted.month,
        counted.dimension,
        counted.member,
        counted.numerator,
        counted.denominator,
        {{ safe_ratio('counted.numerator', 'counted.denominator') }} as value,
        'factor' as unit,
        counted.customer_count,
        {{ safe_ratio('counted.numerator', 'counted.customer_count') }} as clv_per_customer,
        {{ safe_ratio('counted.denominator', 'counted.customer_count') }} as cost_per_customer,
        {{ date_plus('counted.month', "case when counted.reading like '%_quarter' then 3 else 1 end", 'month') }}
        <= parameters.as_of_month as is_final
    from counted
    cross join parameters

)

select * from final

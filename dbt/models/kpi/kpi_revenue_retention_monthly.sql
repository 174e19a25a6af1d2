{#- Grain: one row per reading (base, gross or net), month, dimension and member. -#}
{%- set dimensions = var('kpi_dimensions', ['customer_segment', 'customer_type', 'region', 'acquisition_channel']) -%}

with parameters as (

    select * from {{ ref('dim_parameters') }}

),

customers as (

    select * from {{ ref('dim_customers') }}
    where is_current

),

months as (

    select * from {{ ref('dim_date') }}
    where date_day = month

),

movements as (

    select * from {{ ref('kpi_revenue_movements') }}
    where end_amount > 0

),

-- A window that reaches back before the first sale is not full, and what follows would look like growth.
first_months as (

    select
        movements.reading as base,
        case
            when movements.reading = 'contract' then {{ date_plus('min(movements.month)', 12, 'month') }}
            else {{ date_plus('min(movements.month)', '11 + parameters.revenue_window_months', 'month') }}
        end as first_month
    from movements
    cross join parameters
    group by movements.reading, parameters.revenue_window_months

),

-- The cohort: who brought revenue twelve months before. Who does today but did not then is in neither number.
compared as (

    select
        cohorts.reading as base,
        {{ date_plus('cohorts.month', 12, 'month') }} as month,
        cohorts.end_amount as start_amount,
        coalesce(movements.end_amount, 0) as end_amount,
        customers.customer_segment,
        customers.customer_type,
        coalesce(customers.region, 'unknown') as region,
        customers.acquisition_channel
    from movements as cohorts
    inner join customers on cohorts.customer_key = customers.customer_key
    left join movements
        on
            cohorts.reading = movements.reading
            and cohorts.customer_key = movements.customer_key
            and {{ date_plus('cohorts.month', 12, 'month') }} = movements.month

),

summed as (

    select
        base,
        month,
        case
            {%- for dimension in dimensions %}
            when grouping({{ dimension }}) = 0 then '{{ dimension }}'
            {%- endfor %}
            else 'total'
        end as dimension,
        coalesce({{ dimensions | join(', ') }}, 'total') as member,
        sum(least(end_amount, start_amount)) as gross_amount,
        sum(end_amount) as net_amount,
        sum(start_amount) as start_amount,
        count(*) as cohort_count,
        count(*) filter (where end_amount > 0) as retained_count
    from compared
    group by grouping sets (
        (base, month)
        {%- for dimension in dimensions %}, (base, month, {{ dimension }}){% endfor %}
    )

),

-- A month without a cohort has a total, too; one that is not over yet or has no full window behind it has no row.
with_empty_months as (

    select
        first_months.base,
        months.month,
        case when summed.base is null then 'total' else summed.dimension end as dimension,
        case when summed.base is null then 'total' else summed.member end as member,
        coalesce(summed.gross_amount, 0) as gross_amount,
        coalesce(summed.net_amount, 0) as net_amount,
        coalesce(summed.start_amount, 0) as start_amount,
        coalesce(summed.cohort_count, 0) as cohort_count,
        coalesce(summed.retained_count, 0) as retained_count
    from first_months
    cross join parameters
    inner join months on first_months.first_month <= months.month and parameters.as_of_month >= months.month
    left join summed on first_months.base = summed.base and months.month = summed.month

),

final as (

    {% for reading in ['gross', 'net'] -%}
    select
        filled.base || '_{{ reading }}' as reading,
        filled.month,
        filled.dimension,
        filled.member,
        cast(filled.{{ reading }}_amount as decimal(18, 2)) as numerator,
        cast(filled.start_amount as decimal(18, 2)) as denominator,
        {{ safe_ratio('filled.' ~ reading ~ '_amount', 'filled.start_amount') }} as value,
        'rate' as unit,
        filled.cohort_count,
        filled.retained_count,
        {{ days_between(date_plus('filled.month', 1, 'month'), 'parameters.as_of_date') }}
        >= case when filled.base = 'contract' then parameters.grace_days else 0 end as is_final
    from with_empty_months as filled
    cross join parameters
    {{ 'union all' if not loop.last }}
    {% endfor %}

)

select * from final

{#- Grain: one row per reading (base and movement), month, dimension and member. -#}
{%- set dimensions = var('kpi_dimensions', ['customer_segment', 'customer_type', 'region', 'acquisition_channel', 'employee']) -%}
{%- set movements = ['new', 'reactivation', 'expansion', 'contraction', 'churn'] %}

with parameters as (

    select * from {{ ref('dim_parameters') }}

),

customers as (

    select * from {{ ref('dim_customers') }}
    where is_current

),

employees as (

    select * from {{ ref('dim_employees') }}

),

months as (

    select * from {{ ref('dim_date') }}
    where date_day = month

),

movements as (

    select
        movements.reading as base,
        movements.month,
        movements.movement,
        movements.start_amount,
        movements.movement_amount,
        movements.end_amount,
        customers.customer_segment,
        customers.customer_type,
        coalesce(customers.region, 'unknown') as region,
        customers.acquisition_channel,
        coalesce(employees.employee_id, 'unknown') as employee
    from {{ ref('kpi_revenue_movements') }} as movements
    inner join customers on movements.customer_key = customers.customer_key
    left join employees on customers.owner_employee_key = employees.employee_key

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
        {%- for movement in movements %}
        sum(case when movement = '{{ movement }}' then movement_amount else 0 end) as {{ movement }}_amount,
        count(*) filter (where movement = '{{ movement }}') as {{ movement }}_count,
        {%- endfor %}
        sum(start_amount) as start_amount,
        sum(end_amount) as end_amount
    from movements
    group by grouping sets (
        (base, month)
        {%- for dimension in dimensions %}, (base, month, {{ dimension }}){% endfor %}
    )

),

bases as (

    select distinct base from summed

),

-- Months in which nobody brings revenue have a total, too.
with_empty_months as (

    select
        bases.base,
        months.month,
        case when summed.base is null then 'total' else summed.dimension end as dimension,
        case when summed.base is null then 'total' else summed.member end as member,
        {%- for movement in movements %}
        coalesce(summed.{{ movement }}_amount, 0) as {{ movement }}_amount,
        coalesce(summed.{{ movement }}_count, 0) as {{ movement }}_count,
        {%- endfor %}
        coalesce(summed.start_amount, 0) as start_amount,
        coalesce(summed.end_amount, 0) as end_amount
    from bases
    cross join months
    cross join parameters
    left join summed on bases.base = summed.base and months.month = summed.month
    where months.month >= (select min(earliest.month) from summed as earliest) and months.month <= parameters.as_of_month

),

told_apart as (

    {% for movement in movements -%}
    select
        base,
        '{{ movement }}' as movement,
        month,
        dimension,
        member,
        {{ movement }}_amount as movement_amount,
        start_amount,
        end_amount,
        {{ movement }}_count as customer_count
    from with_empty_months
    {{ 'union all' if not loop.last }}
    {% endfor %}

),

final as (

    select
        told_apart.base || '_' || told_apart.movement as reading,
        told_apart.month,
        told_apart.dimension,
        told_apart.member,
        told_apart.base,
        told_apart.movement,
        cast(told_apart.movement_amount as decimal(18, 2)) as numerator,
        cast(told_apart.start_amount as decimal(18, 2)) as denominator,
        {{ safe_ratio('told_apart.movement_amount', 'told_apart.start_amount') }} as value,
        'rate' as unit,
        cast(told_apart.end_amount as decimal(18, 2)) as end_amount,
        told_apart.customer_count,
        {{ days_between(date_plus('told_apart.month', 1, 'month'), 'parameters.as_of_date') }}
        >= case when told_apart.base = 'contract' then parameters.grace_days else 0 end as is_final
    from told_apart
    cross join parameters

)

select * from final

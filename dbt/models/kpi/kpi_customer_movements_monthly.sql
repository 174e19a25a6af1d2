{#- Grain: one row per reading (contractual, inactivity), month, dimension and member. -#}
{%- set dimensions = var('kpi_dimensions', ['customer_segment', 'customer_type', 'region', 'acquisition_channel', 'employee']) -%}
{%- set stretches = {'contractual': 'kpi_contract_stretches', 'inactivity': 'kpi_purchase_stretches'} %}

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

stretches as (

    {% for reading, model in stretches.items() -%}
    select
        '{{ reading }}' as reading,
        customer_key,
        stretch_number,
        started_date,
        lost_date
    from {{ ref(model) }}
    {{ 'union all' if not loop.last }}
    {% endfor %}

),

-- Each stretch meets every month it touches. The stretches of a customer do not overlap, so nobody is active twice.
customer_months as (

    select
        stretches.reading,
        months.month,
        stretches.stretch_number,
        stretches.started_date < months.month as is_active_at_start,
        coalesce(stretches.lost_date < {{ date_plus('months.month', 1, 'month') }}, false) as is_lost,
        customers.customer_segment,
        customers.customer_type,
        coalesce(customers.region, 'unknown') as region,
        customers.acquisition_channel,
        coalesce(employees.employee_id, 'unknown') as employee
    from stretches
    cross join parameters
    inner join months
        on
            parameters.as_of_month >= months.month
            and {{ date_plus('months.month', 1, 'month') }} > stretches.started_date
            and (stretches.lost_date is null or stretches.lost_date >= months.month)
    inner join customers on stretches.customer_key = customers.customer_key
    left join employees on customers.owner_employee_key = employees.employee_key

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
        count(*) filter (where is_active_at_start) as start_count,
        count(*) filter (where not is_active_at_start and not is_lost and stretch_number = 1) as new_count,
        count(*) filter (where not is_active_at_start and not is_lost and stretch_number > 1) as returned_count,
        count(*) filter (where is_active_at_start and is_lost) as lost_count
    from customer_months
    group by grouping sets (
        (reading, month)
        {%- for dimension in dimensions %}, (reading, month, {{ dimension }}){% endfor %}
    )

),

first_months as (

    select
        reading,
        min(month) as month
    from counted
    group by reading

),

-- Months in which nobody is a customer any more have a total, too.
with_empty_months as (

    select * from counted
    union all
    select
        first_months.reading,
        months.month,
        'total' as dimension,
        'total' as member,
        0 as start_count,
        0 as new_count,
        0 as returned_count,
        0 as lost_count
    from months
    cross join parameters
    inner join first_months on months.month >= first_months.month
    where months.month <= parameters.as_of_month

),

final as (

    select
        reading,
        month,
        dimension,
        member,
        cast(sum(start_count) as bigint) as start_count,
        cast(sum(new_count) as bigint) as new_count,
        cast(sum(returned_count) as bigint) as returned_count,
        cast(sum(lost_count) as bigint) as lost_count,
        cast(sum(start_count + new_count + returned_count - lost_count) as bigint) as end_count
    from with_empty_months
    group by all

)

select * from final

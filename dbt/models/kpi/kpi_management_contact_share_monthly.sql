{#- Grain: one row per reading, month, dimension and member. -#}
{%- set dimensions = var('kpi_dimensions', ['customer_segment', 'region', 'team', 'employee', 'activity_type', 'direction']) -%}

with parameters as (

    select * from {{ ref('dim_parameters') }}

),

activities as (

    select * from {{ ref('fct_activities') }}
    where not is_deleted and customer_key <> 'unknown'

),

customers as (

    select * from {{ ref('dim_customers') }}
    where is_current

),

employees as (

    select * from {{ ref('dim_employees') }}

),

contacts as (

    select * from {{ ref('dim_contacts') }}

),

months as (

    select * from {{ ref('dim_date') }}
    where date_day = month

),

readings as (

    select 'manager_share' as reading
    union all
    select 'decider_share' as reading

),

described as (

    select
        cast(date_trunc('month', activities.activity_date) as date) as month,
        activities.activity_type,
        activities.direction,
        customers.customer_segment,
        coalesce(customers.region, 'unknown') as region,
        employees.team,
        employees.employee_id as employee,
        employees.is_manager,
        contacts.buying_role
    from activities
    inner join customers on activities.customer_key = customers.customer_key
    inner join employees on activities.employee_key = employees.employee_key
    inner join contacts on activities.contact_key = contacts.contact_key

),

-- Whether a decider was there can be said only where the role of the contact is known.
weighed as (

    select
        {%- for dimension in dimensions %}
        described.{{ dimension }},
        {%- endfor %}
        readings.reading,
        described.month,
        case when readings.reading = 'manager_share' then described.is_manager else described.buying_role = 'decider' end as is_hit
    from described
    cross join readings
    where readings.reading = 'manager_share' or described.buying_role is not null

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
        count(*) filter (where is_hit) as hit_count,
        count(*) as activity_count
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
        0 as hit_count,
        0 as activity_count
    from months
    cross join readings
    cross join parameters
    where months.month >= (select min(described.month) from described) and months.month <= parameters.as_of_month

),

final as (

    select
        with_empty_months.reading,
        with_empty_months.month,
        with_empty_months.dimension,
        with_empty_months.member,
        cast(sum(with_empty_months.hit_count) as decimal(18, 2)) as numerator,
        cast(sum(with_empty_months.activity_count) as decimal(18, 2)) as denominator,
        {{ safe_ratio('sum(with_empty_months.hit_count)', 'sum(with_empty_months.activity_count)') }} as value,
        'rate' as unit,
        with_empty_months.month < parameters.as_of_month as is_final
    from with_empty_months
    cross join parameters
    group by
        with_empty_months.reading,
        with_empty_months.month,
        with_empty_months.dimension,
        with_empty_months.member,
        parameters.as_of_month

)

select * from final

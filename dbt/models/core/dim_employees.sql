{#- Grain: one row per employee id, whatever the systems; plus the unknown member. -#}

{%- set attributes = [
    'employee_name', 'email', 'team', 'department', 'manager_name', 'region', 'is_manager', 'hired_date', 'left_date',
] %}

with employees as (

    select * from {{ ref('stg_employees') }}

),

-- Several systems may name one employee: per column the newest statement of a system that still lists the employee.
ranked as (

    select
        *,
        row_number() over (
            partition by employee_key
            order by is_deleted desc, updated_at asc nulls first, source_system desc
        ) as precedence
    from employees

),

merged as (

    select
        employee_key,
        employee_id,
        {% for attribute in attributes -%}
        max_by({{ attribute }}, precedence) filter (where {{ attribute }} is not null) as {{ attribute }},
        {% endfor -%}
        bool_and(is_deleted) as is_deleted,
        case when bool_and(is_deleted) then max(deleted_date) end as deleted_date
    from ranked
    group by all

),

final as (

    select
        employee_key,
        employee_id,
        employee_name,
        email,
        coalesce(team, 'unknown') as team,
        coalesce(department, 'unknown') as department,
        manager_name,
        coalesce(region, 'unknown') as region,
        coalesce(is_manager, false) as is_manager,
        hired_date,
        left_date,
        is_deleted,
        deleted_date
    from merged
    union all
    select
        'unknown' as employee_key,
        'unknown' as employee_id,
        null as employee_name,
        null as email,
        'unknown' as team,
        'unknown' as department,
        null as manager_name,
        'unknown' as region,
        false as is_manager,
        null as hired_date,
        null as left_date,
        false as is_deleted,
        null as deleted_date

)

select * from final

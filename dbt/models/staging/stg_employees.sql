{#- Grain: one row per employee of a source system. -#}

with current_employees as (

    {{ current_rows('employees', key=['employee_id'], updated_at='updated_at') }}

),

final as (

    select
        {{ surrogate_key(['employee_id']) }} as employee_key,
        source_system,
        employee_id,
        employee_name,
        {{ normalised_email('email') }} as email,
        team,
        department,
        manager_name,
        region,
        is_manager,
        hired_date,
        left_date,
        updated_at,
        missing_since_date is not null as is_deleted,
        missing_since_date as deleted_date,
        _batch_id,
        _line
    from current_employees

)

select * from final

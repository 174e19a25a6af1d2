{#- Grain: one row per activity of a source system. -#}

with current_activities as (

    {{ current_rows('activities', key=['activity_id']) }}

),

final as (

    select
        {{ surrogate_key(['source_system', 'activity_id']) }} as activity_key,
        {{ surrogate_key(['source_system', 'account_id', 'null', 'null', 'null']) }} as identity_key,
        source_system,
        activity_id,
        activity_type,
        direction,
        account_id,
        case when contact_id is not null then {{ surrogate_key(['source_system', 'contact_id']) }} end as contact_key,
        case when lead_id is not null then {{ surrogate_key(['source_system', 'lead_id']) }} end as lead_key,
        case
            when opportunity_id is not null then {{ surrogate_key(['source_system', 'opportunity_id']) }}
        end as opportunity_key,
        employee_id,
        occurred_at,
        duration_minutes,
        outcome,
        missing_since_date is not null as is_deleted,
        missing_since_date as deleted_date,
        _batch_id,
        _line
    from current_activities

)

select * from final

{#- Grain: one row per change of an opportunity, in whatever field. -#}

with current_opportunity_stage_changes as (

    {{ current_rows('opportunity_stage_changes', key=['stage_change_id']) }}

),

final as (

    select
        {{ surrogate_key(['source_system', 'stage_change_id']) }} as stage_change_key,
        {{ surrogate_key(['source_system', 'opportunity_id']) }} as opportunity_key,
        source_system,
        stage_change_id,
        opportunity_id,
        stage_name,
        changed_at,
        amount,
        close_date,
        employee_id,
        coalesce(is_deleted, false) or missing_since_date is not null as is_deleted,
        coalesce(missing_since_date, case when is_deleted then _batch_date end) as deleted_date,
        _batch_id,
        _line
    from current_opportunity_stage_changes

)

select * from final

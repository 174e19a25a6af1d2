{#- Grain: one row per opportunity of a source system. -#}

with current_opportunities as (

    {{ current_rows('opportunities', key=['opportunity_id'], updated_at='updated_at') }}

),

final as (

    select
        {{ surrogate_key(['source_system', 'opportunity_id']) }} as opportunity_key,
        {{ surrogate_key(['source_system', 'account_id', 'null', 'null', 'null']) }} as identity_key,
        source_system,
        opportunity_id,
        account_id,
        opportunity_name,
        product_id,
        owner_employee_id,
        stage_name,
        lower(trim(lead_source)) as lead_source,
        campaign_id,
        amount,
        upper(trim(currency_code)) as currency_code,
        is_closed,
        is_won,
        close_date,
        merged_into_id,
        created_at,
        updated_at,
        coalesce(is_deleted, false) or missing_since_date is not null as is_deleted,
        coalesce(
            missing_since_date,
            case when is_deleted then coalesce(cast(updated_at as date), _batch_date) end
        ) as deleted_date,
        _batch_id,
        _line
    from current_opportunities

)

select * from final

{#- Grain: one row per lead of a source system. -#}

with current_leads as (

    {{ current_rows('leads', key=['lead_id'], updated_at='updated_at') }}

),

final as (

    select
        {{ surrogate_key(['source_system', 'lead_id']) }} as lead_key,
        {{ surrogate_key([
            'source_system', 'converted_account_id', 'null', normalised_email('email'), normalised_phone('phone', 'country_code'),
        ]) }} as identity_key,
        source_system,
        lead_id,
        converted_account_id,
        company,
        first_name,
        last_name,
        {{ normalised_email('email') }} as email,
        {{ normalised_phone('phone', 'country_code') }} as phone,
        postal_code,
        country_code,
        lower(trim(lead_kind)) as lead_kind,
        lower(trim(lead_source)) as lead_source,
        lead_status,
        is_qualified,
        industry,
        lower(trim(customer_segment)) as customer_segment,
        campaign_id,
        owner_employee_id,
        is_converted,
        converted_at,
        case
            when converted_opportunity_id is not null then {{ surrogate_key(['source_system', 'converted_opportunity_id']) }}
        end as opportunity_key,
        created_at,
        updated_at,
        coalesce(is_deleted, false) or missing_since_date is not null as is_deleted,
        coalesce(
            missing_since_date,
            case when is_deleted then coalesce(cast(updated_at as date), _batch_date) end
        ) as deleted_date,
        _batch_id,
        _line
    from current_leads

)

select * from final

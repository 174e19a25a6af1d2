{#- Grain: one row per contact person of a source system. -#}

with current_contacts as (

    {{ current_rows('contacts', key=['contact_id'], updated_at='updated_at') }}

),

final as (

    select
        {{ surrogate_key(['source_system', 'contact_id']) }} as contact_key,
        {{ surrogate_key(['source_system', 'account_id', 'null', 'null', 'null']) }} as identity_key,
        source_system,
        contact_id,
        account_id,
        salutation,
        first_name,
        last_name,
        {{ normalised_email('email') }} as email,
        {{ normalised_phone('phone') }} as phone,
        job_title,
        department,
        lower(trim(buying_role)) as buying_role,
        created_at,
        updated_at,
        coalesce(is_deleted, false) or missing_since_date is not null as is_deleted,
        coalesce(
            missing_since_date,
            case when is_deleted then coalesce(cast(updated_at as date), _batch_date) end
        ) as deleted_date,
        _batch_id,
        _line
    from current_contacts

)

select * from final

{#- Grain: one row per statement about consent. -#}

with current_consents as (

    {{ current_rows('consents', key=['consent_id']) }}

),

final as (

    select
        {{ surrogate_key(['source_system', 'consent_id']) }} as consent_key,
        {{ surrogate_key([
            'source_system', 'account_id', 'null', normalised_email('email'), normalised_phone('phone'),
        ]) }} as identity_key,
        source_system,
        consent_id,
        account_id,
        {{ normalised_email('email') }} as email,
        {{ normalised_phone('phone') }} as phone,
        purpose,
        channel,
        consent_status,
        recorded_at,
        evidence,
        missing_since_date is not null as is_deleted,
        missing_since_date as deleted_date,
        _batch_id,
        _line
    from current_consents

)

select * from final

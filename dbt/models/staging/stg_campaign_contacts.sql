{#- Grain: one row per person addressed by a campaign, or kept out as control. -#}

with current_campaign_contacts as (

    {{ current_rows('campaign_contacts', key=['campaign_contact_id']) }}

),

final as (

    select
        {{ surrogate_key(['source_system', 'campaign_contact_id']) }} as campaign_contact_key,
        {{ surrogate_key(['source_system', 'account_id', 'null', normalised_email('email'), 'null']) }} as identity_key,
        source_system,
        campaign_contact_id,
        campaign_id,
        account_id,
        {{ normalised_email('email') }} as email,
        lower(trim(channel)) as channel,
        wave,
        variant,
        argument,
        is_control,
        contacted_at,
        cost_amount,
        missing_since_date is not null as is_deleted,
        missing_since_date as deleted_date,
        _batch_id,
        _line
    from current_campaign_contacts

)

select * from final

{#- Grain: one row per reaction to a campaign. -#}

with current_campaign_responses as (

    {{ current_rows('campaign_responses', key=['response_id']) }}

),

final as (

    select
        {{ surrogate_key(['source_system', 'response_id']) }} as response_key,
        {{ surrogate_key(['source_system', 'account_id', 'null', normalised_email('email'), 'null']) }} as identity_key,
        source_system,
        response_id,
        campaign_id,
        case
            when campaign_contact_id is not null then {{ surrogate_key(['source_system', 'campaign_contact_id']) }}
        end as campaign_contact_key,
        account_id,
        {{ normalised_email('email') }} as email,
        response_type,
        responded_at,
        coalesce(is_bot, false) as is_bot,
        missing_since_date is not null as is_deleted,
        missing_since_date as deleted_date,
        _batch_id,
        _line
    from current_campaign_responses

)

select * from final

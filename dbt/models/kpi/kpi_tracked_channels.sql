{#- Grain: one row per channel in which somebody reacted to a contact. -#}

with campaign_contacts as (

    select * from {{ ref('fct_campaign_contacts') }}
    where not is_deleted

),

campaign_responses as (

    select * from {{ ref('fct_campaign_responses') }}
    where not is_deleted and response_type in ('open', 'click')

),

final as (

    select
        campaign_contacts.channel_key,
        bool_or(campaign_responses.response_type = 'open') as has_open_tracking,
        bool_or(campaign_responses.response_type = 'click') as has_click_tracking
    from campaign_responses
    inner join campaign_contacts on campaign_responses.campaign_contact_key = campaign_contacts.campaign_contact_key
    group by campaign_contacts.channel_key

)

select * from final

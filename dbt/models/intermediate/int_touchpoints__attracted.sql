{#- Grain: one row per campaign contact, reaction of a person and statement about consent. -#}
{{ config(materialized='view') }}

with campaign_contacts as (

    select * from {{ ref('fct_campaign_contacts') }}
    where not is_control and not is_deleted

),

campaign_responses as (

    select * from {{ ref('fct_campaign_responses') }}
    where not is_bot and not is_deleted

),

consents as (

    select * from {{ ref('fct_consents') }}
    where not is_deleted

),

campaigns as (

    select * from {{ ref('dim_campaigns') }}

),

channels as (

    select * from {{ ref('dim_channels') }}

),

final as (

    select
        campaign_contacts.customer_key,
        campaign_contacts.contacted_at as occurred_at,
        channels.channel,
        'campaign_contact' as touch_type,
        'outbound' as direction,
        campaigns.campaign_name as subject,
        null as amount,
        campaign_contacts.campaign_key,
        'unknown' as employee_key,
        'campaign_contacts' as source_feed,
        campaign_contacts.campaign_contact_key as source_key
    from campaign_contacts
    inner join campaigns on campaign_contacts.campaign_key = campaigns.campaign_key
    inner join channels on campaign_contacts.channel_key = channels.channel_key
    union all
    select
        campaign_responses.customer_key,
        campaign_responses.responded_at as occurred_at,
        campaigns.channel,
        'campaign_' || campaign_responses.response_type as touch_type,
        'inbound' as direction,
        campaigns.campaign_name as subject,
        null as amount,
        campaign_responses.campaign_key,
        'unknown' as employee_key,
        'campaign_responses' as source_feed,
        campaign_responses.response_key as source_key
    from campaign_responses
    inner join campaigns on campaign_responses.campaign_key = campaigns.campaign_key
    union all
    select
        consents.customer_key,
        consents.recorded_at as occurred_at,
        consents.channel,
        'consent_' || consents.consent_status as touch_type,
        'inbound' as direction,
        consents.purpose as subject,
        null as amount,
        'unknown' as campaign_key,
        'unknown' as employee_key,
        'consents' as source_feed,
        consents.consent_key as source_key
    from consents

)

select * from final

{#- Grain: one row per addressed person and wave. -#}

with campaign_contacts as (

    select * from {{ ref('stg_campaign_contacts') }}

),

campaign_responses as (

    select * from {{ ref('fct_campaign_responses') }}
    where not is_bot and not is_deleted

),

resolved as (

    select * from {{ ref('int_identifiers__resolved') }}

),

campaigns as (

    select * from {{ ref('dim_campaigns') }}

),

channels as (

    select * from {{ ref('dim_channels') }}

),

reactions as (

    select
        campaign_contact_key,
        bool_or(response_type = 'open') as is_opened,
        bool_or(response_type = 'click') as is_clicked,
        bool_or(response_type = 'reply') as is_replied,
        bool_or(response_type = 'conversion') as is_converted,
        bool_or(response_type = 'unsubscribe') as is_unsubscribed,
        bool_or(response_type = 'bounce') as is_bounced,
        min(responded_at) filter (where response_type in ('open', 'click', 'reply', 'conversion')) as first_response_at
    from campaign_responses
    where campaign_contact_key <> 'unknown'
    group by campaign_contact_key

),

final as (

    select
        campaign_contacts.campaign_contact_key,
        coalesce(campaigns.campaign_key, 'unknown') as campaign_key,
        coalesce(resolved.customer_key, 'unknown') as customer_key,
        coalesce(channels.channel_key, 'unknown') as channel_key,
        coalesce(campaign_contacts.wave, 1) as wave,
        coalesce(campaign_contacts.variant, 'unknown') as variant,
        coalesce(campaign_contacts.argument, 'unknown') as argument,
        coalesce(campaign_contacts.is_control, false) as is_control,
        campaign_contacts.contacted_at,
        cast(campaign_contacts.contacted_at as date) as contact_date,
        cast(campaign_contacts.cost_amount as decimal(18, 2)) as cost_amount,
        coalesce(reactions.is_opened, false) as is_opened,
        coalesce(reactions.is_clicked, false) as is_clicked,
        coalesce(reactions.is_replied, false) as is_replied,
        coalesce(reactions.is_converted, false) as is_converted,
        coalesce(reactions.is_unsubscribed, false) as is_unsubscribed,
        coalesce(reactions.is_bounced, false) as is_bounced,
        reactions.first_response_at,
        campaign_contacts.is_deleted
    from campaign_contacts
    left join reactions on campaign_contacts.campaign_contact_key = reactions.campaign_contact_key
    left join resolved on campaign_contacts.identity_key = resolved.identity_key
    left join campaigns on {{ surrogate_key(['campaign_contacts.campaign_id']) }} = campaigns.campaign_key
    left join channels on coalesce(campaign_contacts.channel, campaigns.channel) = channels.channel

)

select * from final

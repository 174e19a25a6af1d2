{#- Grain: one row per reaction. -#}

with campaign_responses as (

    select * from {{ ref('stg_campaign_responses') }}

),

campaign_contacts as (

    select * from {{ ref('stg_campaign_contacts') }}

),

resolved as (

    select * from {{ ref('int_identifiers__resolved') }}

),

campaigns as (

    select * from {{ ref('dim_campaigns') }}

),

contact_customers as (

    select
        campaign_contacts.campaign_contact_key,
        resolved.customer_key
    from campaign_contacts
    inner join resolved on campaign_contacts.identity_key = resolved.identity_key

),

final as (

    select
        campaign_responses.response_key,
        coalesce(contact_customers.campaign_contact_key, 'unknown') as campaign_contact_key,
        coalesce(campaigns.campaign_key, 'unknown') as campaign_key,
        coalesce(
            nullif(resolved.customer_key, 'unknown'),
            nullif(contact_customers.customer_key, 'unknown'),
            'unknown'
        ) as customer_key,
        campaign_responses.response_type,
        campaign_responses.responded_at,
        cast(campaign_responses.responded_at as date) as response_date,
        campaign_responses.is_bot,
        campaign_responses.is_deleted
    from campaign_responses
    left join resolved on campaign_responses.identity_key = resolved.identity_key
    left join contact_customers on campaign_responses.campaign_contact_key = contact_customers.campaign_contact_key
    left join campaigns on {{ surrogate_key(['campaign_responses.campaign_id']) }} = campaigns.campaign_key

)

select * from final

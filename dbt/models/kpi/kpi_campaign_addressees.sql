{#- Grain: one row per person, campaign, channel and wave that addressed him. -#}

with parameters as (

    select * from {{ ref('dim_parameters') }}

),

campaign_contacts as (

    select * from {{ ref('fct_campaign_contacts') }}
    where not is_deleted

),

tracked_channels as (

    select * from {{ ref('kpi_tracked_channels') }}

),

campaigns as (

    select * from {{ ref('dim_campaigns') }}

),

channels as (

    select * from {{ ref('dim_channels') }}

),

customers as (

    select * from {{ ref('dim_customers') }}
    where is_current

),

-- A control group is assigned, not addressed. Somebody unknown is a person of his own in each contact. A contact came back
-- only if nothing but the bounce is known of it.
addressed as (

    select
        campaign_contacts.campaign_contact_key,
        case
            when campaign_contacts.customer_key = 'unknown' then campaign_contacts.campaign_contact_key
            else campaign_contacts.customer_key
        end as person_key,
        campaign_contacts.customer_key,
        campaign_contacts.campaign_key,
        campaign_contacts.channel_key,
        campaign_contacts.wave,
        campaign_contacts.argument,
        campaign_contacts.contacted_at,
        campaign_contacts.cost_amount,
        campaign_contacts.is_opened,
        campaign_contacts.is_clicked,
        campaign_contacts.is_clicked or campaign_contacts.is_replied or campaign_contacts.is_converted as is_responded,
        campaign_contacts.is_converted,
        campaign_contacts.is_unsubscribed,
        campaign_contacts.is_bounced and campaign_contacts.first_response_at is null and not campaign_contacts.is_unsubscribed
            as is_bounced
    from campaign_contacts
    cross join parameters
    where not campaign_contacts.is_control and campaign_contacts.contact_date <= parameters.as_of_date

),

numbered as (

    select
        *,
        row_number() over (partition by campaign_key, channel_key, wave, person_key order by contacted_at, campaign_contact_key)
            as contact_number
    from addressed

),

persons as (

    select
        campaign_key,
        channel_key,
        wave,
        person_key,
        customer_key,
        min(contacted_at) as contacted_at,
        max(case when contact_number = 1 then argument end) as argument,
        sum(cost_amount) as cost_amount,
        bool_and(is_bounced) as is_bounced,
        bool_or(is_opened) as is_opened,
        bool_or(is_clicked) as is_clicked,
        bool_or(is_responded) as is_responded,
        bool_or(is_converted) as is_converted,
        bool_or(is_unsubscribed) as is_unsubscribed
    from numbered
    group by campaign_key, channel_key, wave, person_key, customer_key

),

final as (

    select
        {{ surrogate_key(['persons.campaign_key', 'persons.channel_key', 'persons.wave', 'persons.person_key']) }} as addressee_key,
        persons.customer_key,
        persons.campaign_key,
        coalesce(campaigns.campaign_id, 'unknown') as campaign,
        coalesce(campaigns.campaign_name, 'unknown') as campaign_name,
        coalesce(campaigns.purpose, 'unknown') as purpose,
        coalesce(channels.channel, 'unknown') as channel,
        persons.wave,
        persons.argument,
        coalesce(customers.customer_segment, 'unknown') as customer_segment,
        persons.contacted_at,
        cast(persons.contacted_at as date) as contact_date,
        cast(date_trunc('month', persons.contacted_at) as date) as month,
        cast(persons.cost_amount as decimal(18, 2)) as cost_amount,
        persons.is_bounced,
        persons.is_opened,
        persons.is_clicked,
        persons.is_responded,
        persons.is_converted,
        persons.is_unsubscribed,
        coalesce(tracked_channels.has_open_tracking, false) as has_open_tracking,
        coalesce(tracked_channels.has_click_tracking, false) as has_click_tracking
    from persons
    left join campaigns on persons.campaign_key = campaigns.campaign_key
    left join channels on persons.channel_key = channels.channel_key
    left join customers on persons.customer_key = customers.customer_key
    left join tracked_channels on persons.channel_key = tracked_channels.channel_key

)

select * from final

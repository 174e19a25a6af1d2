{#- Grain: one row per contact between company and customer that may have led to an order. -#}

with web_sessions as (

    select * from {{ ref('fct_web_sessions') }}
    where not is_bot and not is_deleted and customer_key <> 'unknown'

),

campaign_contacts as (

    select * from {{ ref('fct_campaign_contacts') }}
    where not is_control and not is_deleted and customer_key <> 'unknown' and (not is_bounced or first_response_at is not null)

),

clicks as (

    select * from {{ ref('fct_campaign_responses') }}
    where not is_bot and not is_deleted and response_type = 'click' and customer_key <> 'unknown'

),

activities as (

    select * from {{ ref('fct_activities') }}
    where not is_deleted and direction = 'outbound' and customer_key <> 'unknown'

),

store_visits as (

    select * from {{ ref('fct_store_visits') }}
    where not is_deleted and customer_key <> 'unknown'

),

social_engagements as (

    select * from {{ ref('fct_social_engagements') }}
    where not is_deleted and engagement_type <> 'unfollow' and customer_key <> 'unknown'

),

campaigns as (

    select * from {{ ref('dim_campaigns') }}

),

channels as (

    select * from {{ ref('dim_channels') }}

),

-- The click and the visit it leads to are one touch, known from two systems: the click stays.
touched as (

    select
        web_sessions.customer_key,
        web_sessions.started_at as touched_at,
        'web_session' as touch_type,
        web_sessions.session_key as touch_key,
        web_sessions.channel_key,
        web_sessions.campaign_key
    from web_sessions
    where
        not exists (
            select clicks.response_key
            from clicks
            where
                web_sessions.customer_key = clicks.customer_key
                and web_sessions.campaign_key = clicks.campaign_key
                and web_sessions.session_date = clicks.response_date
                and clicks.campaign_key <> 'unknown'
        )
    union all
    select
        customer_key,
        contacted_at as touched_at,
        'campaign_contact' as touch_type,
        campaign_contact_key as touch_key,
        channel_key,
        campaign_key
    from campaign_contacts
    union all
    select
        customer_key,
        responded_at as touched_at,
        'campaign_click' as touch_type,
        response_key as touch_key,
        'unknown' as channel_key,
        campaign_key
    from clicks
    union all
    select
        activities.customer_key,
        activities.occurred_at as touched_at,
        'activity' as touch_type,
        activities.activity_key as touch_key,
        coalesce(channels.channel_key, 'unknown') as channel_key,
        'unknown' as campaign_key
    from activities
    left join channels
        on
            case activities.activity_type when 'call' then 'phone' when 'mail' then 'email' else activities.activity_type end
            = channels.channel
    union all
    select
        customer_key,
        visited_at as touched_at,
        'store_visit' as touch_type,
        visit_key as touch_key,
        channel_key,
        'unknown' as campaign_key
    from store_visits
    union all
    select
        customer_key,
        engaged_at as touched_at,
        'social_engagement' as touch_type,
        engagement_key as touch_key,
        channel_key,
        campaign_key
    from social_engagements

),

final as (

    select
        touched.touch_key,
        touched.touch_type,
        touched.customer_key,
        touched.touched_at,
        cast(touched.touched_at as date) as touch_date,
        case when touched.touch_type = 'campaign_click' then campaigns.channel else channels.channel end as channel,
        campaigns.campaign_id as campaign
    from touched
    inner join channels on touched.channel_key = channels.channel_key
    inner join campaigns on touched.campaign_key = campaigns.campaign_key

)

select * from final

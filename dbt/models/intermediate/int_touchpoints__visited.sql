{#- Grain: one row per web session of a person, visit to a shop and reaction on a social network. -#}
{{ config(materialized='view') }}

with web_sessions as (

    select * from {{ ref('fct_web_sessions') }}
    where not is_bot and not is_deleted

),

store_visits as (

    select * from {{ ref('fct_store_visits') }}
    where not is_deleted

),

social_engagements as (

    select * from {{ ref('fct_social_engagements') }}
    where not is_deleted

),

campaigns as (

    select * from {{ ref('dim_campaigns') }}

),

products as (

    select * from {{ ref('dim_products') }}

),

channels as (

    select * from {{ ref('dim_channels') }}

),

final as (

    select
        web_sessions.customer_key,
        web_sessions.started_at as occurred_at,
        channels.channel,
        'web_session' as touch_type,
        'inbound' as direction,
        products.product_name as subject,
        null as amount,
        web_sessions.campaign_key,
        'unknown' as employee_key,
        'web_sessions' as source_feed,
        web_sessions.session_key as source_key
    from web_sessions
    inner join products on web_sessions.product_key = products.product_key
    inner join channels on web_sessions.channel_key = channels.channel_key
    union all
    select
        store_visits.customer_key,
        store_visits.visited_at as occurred_at,
        channels.channel,
        'store_visit' as touch_type,
        'inbound' as direction,
        products.product_name as subject,
        null as amount,
        'unknown' as campaign_key,
        store_visits.employee_key,
        'store_visits' as source_feed,
        store_visits.visit_key as source_key
    from store_visits
    inner join products on store_visits.product_key = products.product_key
    inner join channels on store_visits.channel_key = channels.channel_key
    union all
    select
        social_engagements.customer_key,
        social_engagements.engaged_at as occurred_at,
        channels.channel,
        'social_' || social_engagements.engagement_type as touch_type,
        'inbound' as direction,
        case when social_engagements.product_key = 'unknown' then campaigns.campaign_name else products.product_name end as subject,
        null as amount,
        social_engagements.campaign_key,
        'unknown' as employee_key,
        'social_engagements' as source_feed,
        social_engagements.engagement_key as source_key
    from social_engagements
    inner join products on social_engagements.product_key = products.product_key
    inner join campaigns on social_engagements.campaign_key = campaigns.campaign_key
    inner join channels on social_engagements.channel_key = channels.channel_key

)

select * from final

{#- Grain: one row per session. -#}

with web_sessions as (

    select * from {{ ref('stg_web_sessions') }}

),

resolved as (

    select * from {{ ref('int_identifiers__resolved') }}

),

channels as (

    select * from {{ ref('dim_channels') }}

),

campaigns as (

    select * from {{ ref('dim_campaigns') }}

),

products as (

    select * from {{ ref('dim_products') }}

),

leads as (

    select * from {{ ref('int_leads__addressed') }}

),

identified as (

    select
        web_sessions.session_key,
        case when not web_sessions.is_bot then web_sessions.visitor_key end as visitor_key,
        web_sessions.is_deleted,
        nullif(resolved.customer_key, 'unknown') as customer_key
    from web_sessions
    left join resolved on web_sessions.identity_key = resolved.identity_key

),

-- A browser that several customers used (a shop's terminal, a family's tablet) says nothing about its other sessions. A
-- machine's browser is nobody's, and a deleted session proves nothing.
visitors as (

    select
        visitor_key,
        min(customer_key) as customer_key
    from identified
    where not is_deleted
    group by visitor_key
    having count(distinct customer_key) = 1

),

final as (

    select
        web_sessions.session_key,
        coalesce(web_sessions.visitor_key, 'unknown') as visitor_key,
        coalesce(identified.customer_key, visitors.customer_key, 'unknown') as customer_key,
        identified.customer_key is null and visitors.customer_key is not null as is_stitched,
        coalesce(leads.lead_key, 'unknown') as lead_key,
        coalesce(channels.channel_key, 'unknown') as channel_key,
        coalesce(campaigns.campaign_key, 'unknown') as campaign_key,
        coalesce(products.product_key, 'unknown') as product_key,
        web_sessions.started_at,
        cast(web_sessions.started_at as date) as session_date,
        web_sessions.page_views,
        {{ elapsed_days('web_sessions.started_at', 'web_sessions.ended_at') }} * 1440 as duration_minutes,
        web_sessions.has_basket,
        coalesce(web_sessions.page_views, 1) <= 1 and not web_sessions.has_basket as is_bounce,
        web_sessions.is_bot,
        web_sessions.is_deleted
    from web_sessions
    inner join identified on web_sessions.session_key = identified.session_key
    left join visitors on identified.visitor_key = visitors.visitor_key
    left join leads on web_sessions.email = leads.email
    left join channels on web_sessions.channel = channels.channel
    left join campaigns on {{ surrogate_key(['web_sessions.campaign_id']) }} = campaigns.campaign_key
    left join products on {{ surrogate_key(['web_sessions.product_id']) }} = products.product_key

)

select * from final

{#- Grain: one row per opportunity. -#}

with opportunities as (

    select * from {{ ref('int_opportunities__classified') }}

),

web_sessions as (

    select * from {{ ref('fct_web_sessions') }}
    where not is_bot and not is_deleted

),

campaign_responses as (

    select * from {{ ref('fct_campaign_responses') }}
    where not is_bot and not is_deleted and response_type in ('open', 'click', 'reply', 'conversion')

),

activities as (

    select * from {{ ref('fct_activities') }}
    where not is_deleted

),

leads as (

    select * from {{ ref('stg_leads') }}

),

parameters as (

    select * from {{ ref('dim_parameters') }}

),

touches as (

    select
        customer_key,
        started_at as touched_at,
        'web_session' as touch_type,
        session_key as touch_key
    from web_sessions
    union all
    select
        customer_key,
        responded_at as touched_at,
        'campaign_response' as touch_type,
        response_key as touch_key
    from campaign_responses
    union all
    select
        customer_key,
        occurred_at as touched_at,
        'activity' as touch_type,
        activity_key as touch_key
    from activities

),

-- A customer has many touches and few opportunities: rows multiply within the window, then the earliest is taken.
first_touches as (

    select
        opportunities.opportunity_key,
        touches.touched_at,
        touches.touch_type
    from opportunities
    cross join parameters
    inner join touches
        on
            opportunities.customer_key = touches.customer_key
            and opportunities.created_at > touches.touched_at
            and {{ days_between('cast(touches.touched_at as date)', 'cast(opportunities.created_at as date)') }}
            <= parameters.first_touch_window_days
    where opportunities.customer_key <> 'unknown'
    qualify
        row_number() over (
            partition by opportunities.opportunity_key
            order by touches.touched_at, touches.touch_type, touches.touch_key
        ) = 1

),

lead_creations as (

    select
        opportunities.opportunity_key,
        min(leads.created_at) as created_at
    from opportunities
    inner join leads
        on
            opportunities.opportunity_key = leads.opportunity_key
            and opportunities.created_at >= leads.created_at
    group by opportunities.opportunity_key

),

final as (

    select
        opportunities.opportunity_key,
        coalesce(first_touches.touched_at, lead_creations.created_at, opportunities.created_at) as first_touch_at,
        case
            when first_touches.touched_at is not null then first_touches.touch_type
            when lead_creations.created_at is not null then 'lead'
            else 'opportunity'
        end as first_touch_type
    from opportunities
    left join first_touches on opportunities.opportunity_key = first_touches.opportunity_key
    left join lead_creations on opportunities.opportunity_key = lead_creations.opportunity_key

)

select * from final

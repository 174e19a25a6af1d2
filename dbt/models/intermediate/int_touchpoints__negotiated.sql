{#- Grain: one row per lead, creation, stage change and outcome of an opportunity, issue and answer of a quote, and activity. -#}
{{ config(materialized='view') }}

with leads as (

    select * from {{ ref('fct_leads') }}
    where not is_deleted and created_at is not null

),

opportunities as (

    select * from {{ ref('fct_opportunities') }}
    where not is_excluded

),

stage_visits as (

    select * from {{ ref('fct_opportunity_stages') }}

),

activities as (

    select * from {{ ref('fct_activities') }}
    where not is_deleted

),

quotes as (

    select * from {{ ref('fct_quotes') }}
    where not is_deleted and is_sent

),

steps as (

    select 'issued' as step
    union all
    select 'accepted' as step
    union all
    select 'declined' as step

),

products as (

    select * from {{ ref('dim_products') }}

),

final as (

    select
        leads.customer_key,
        leads.created_at as occurred_at,
        leads.lead_source as channel,
        'lead' as touch_type,
        'inbound' as direction,
        leads.lead_kind as subject,
        null as amount,
        leads.campaign_key,
        leads.employee_key,
        'leads' as source_feed,
        leads.lead_key as source_key
    from leads
    union all
    select
        opportunities.customer_key,
        opportunities.created_at as occurred_at,
        opportunities.lead_source as channel,
        'opportunity_created' as touch_type,
        'internal' as direction,
        products.product_name as subject,
        opportunities.amount,
        opportunities.campaign_key,
        opportunities.employee_key,
        'opportunities' as source_feed,
        opportunities.opportunity_key as source_key
    from opportunities
    inner join products on opportunities.product_key = products.product_key
    where opportunities.created_at is not null
    union all
    select
        opportunities.customer_key,
        cast(opportunities.close_date as timestamp) as occurred_at,
        'unknown' as channel,
        case when opportunities.is_won then 'won' else 'lost' end as touch_type,
        'internal' as direction,
        products.product_name as subject,
        opportunities.amount,
        opportunities.campaign_key,
        opportunities.employee_key,
        'opportunities' as source_feed,
        opportunities.opportunity_key as source_key
    from opportunities
    inner join products on opportunities.product_key = products.product_key
    where opportunities.close_date is not null
    union all
    select
        opportunities.customer_key,
        stage_visits.entered_at as occurred_at,
        'unknown' as channel,
        'stage_change' as touch_type,
        'internal' as direction,
        stage_visits.stage_name as subject,
        null as amount,
        opportunities.campaign_key,
        opportunities.employee_key,
        'opportunity_stage_changes' as source_feed,
        stage_visits.opportunity_stage_key as source_key
    from stage_visits
    inner join opportunities on stage_visits.opportunity_key = opportunities.opportunity_key
    union all
    select
        activities.customer_key,
        activities.occurred_at,
        case activities.activity_type when 'call' then 'phone' when 'mail' then 'email' else activities.activity_type end as channel,
        'activity_' || activities.activity_type as touch_type,
        activities.direction,
        null as subject,
        null as amount,
        'unknown' as campaign_key,
        activities.employee_key,
        'activities' as source_feed,
        activities.activity_key as source_key
    from activities
    union all
    select
        quotes.customer_key,
        case when steps.step = 'issued' then quotes.issued_at else quotes.decided_at end as occurred_at,
        'unknown' as channel,
        'quote_' || steps.step as touch_type,
        case when steps.step = 'issued' then 'outbound' else 'inbound' end as direction,
        null as subject,
        quotes.quoted_amount as amount,
        'unknown' as campaign_key,
        quotes.employee_key,
        'quotes' as source_feed,
        quotes.quote_key as source_key
    from quotes
    cross join steps
    where case steps.step when 'issued' then quotes.issued_at when quotes.quote_status then quotes.decided_at end is not null

)

select * from final

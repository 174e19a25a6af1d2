{#- Grain: one row per lead, be it delivered as one or a person who began to follow us before he was a customer. -#}

with leads as (

    select * from {{ ref('fct_leads') }}
    where not is_deleted and month is not null

),

followers as (

    select * from {{ ref('kpi_social_followers') }}

),

opportunities as (

    select * from {{ ref('kpi_opportunities') }}

),

employees as (

    select * from {{ ref('dim_employees') }}

),

channels as (

    select * from {{ ref('dim_channels') }}

),

campaigns as (

    select * from {{ ref('dim_campaigns') }}

),

united as (

    select
        'leads' as lead_feed,
        leads.lead_key,
        leads.customer_key,
        leads.month,
        leads.lead_kind,
        leads.is_qualified,
        leads.is_won_order,
        leads.is_converted and coalesce(opportunities.is_open, false) as is_waiting,
        leads.customer_segment,
        leads.region,
        leads.channel_key,
        leads.employee_key,
        leads.campaign_key
    from leads
    left join opportunities on leads.opportunity_key = opportunities.opportunity_key
    union all
    select
        'social_engagements' as lead_feed,
        followers.follower_key as lead_key,
        followers.customer_key,
        followers.month,
        'follower' as lead_kind,
        false as is_qualified,
        followers.became_customer as is_won_order,
        false as is_waiting,
        followers.customer_segment,
        followers.region,
        followers.channel_key,
        'unknown' as employee_key,
        followers.campaign_key
    from followers

),

final as (

    select
        united.lead_key,
        united.lead_feed,
        united.customer_key,
        united.month,
        united.lead_kind,
        united.is_qualified,
        united.is_won_order,
        united.is_waiting,
        united.customer_segment,
        united.region,
        coalesce(channels.channel, 'unknown') as channel,
        coalesce(employees.team, 'unknown') as team,
        coalesce(employees.employee_id, 'unknown') as employee,
        coalesce(campaigns.campaign_id, 'unknown') as campaign
    from united
    left join channels on united.channel_key = channels.channel_key
    left join employees on united.employee_key = employees.employee_key
    left join campaigns on united.campaign_key = campaigns.campaign_key

)

select * from final

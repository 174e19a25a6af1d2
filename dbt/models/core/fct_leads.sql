{#- Grain: one row per lead. -#}

with leads as (

    select * from {{ ref('stg_leads') }}

),

resolved as (

    select * from {{ ref('int_identifiers__resolved') }}

),

customers as (

    select * from {{ ref('dim_customers') }}
    where is_current

),

opportunities as (

    select * from {{ ref('fct_opportunities') }}

),

employees as (

    select * from {{ ref('dim_employees') }}

),

campaigns as (

    select * from {{ ref('dim_campaigns') }}

),

channels as (

    select * from {{ ref('dim_channels') }}

),

final as (

    select
        leads.lead_key,
        leads.lead_id,
        leads.source_system,
        customers.customer_key,
        leads.created_at,
        cast(leads.created_at as date) as created_date,
        cast(date_trunc('month', leads.created_at) as date) as month,
        coalesce(leads.lead_kind, 'unknown') as lead_kind,
        coalesce(leads.lead_source, 'unknown') as lead_source,
        coalesce(channels.channel_key, 'unknown') as channel_key,
        coalesce(nullif(customers.customer_segment, 'unknown'), leads.customer_segment, 'unknown') as customer_segment,
        coalesce(customers.region, 'unknown') as region,
        coalesce(leads.is_qualified, false) as is_qualified,
        coalesce(employees.employee_key, 'unknown') as employee_key,
        coalesce(campaigns.campaign_key, 'unknown') as campaign_key,
        coalesce(leads.is_converted, false) as is_converted,
        leads.converted_at,
        coalesce(opportunities.opportunity_key, 'unknown') as opportunity_key,
        coalesce(opportunities.is_won and not opportunities.is_excluded, false) as is_won_order,
        case when opportunities.is_won and not opportunities.is_excluded then opportunities.close_date end as won_date,
        leads.is_deleted
    from leads
    inner join resolved on leads.identity_key = resolved.identity_key
    inner join customers on resolved.customer_key = customers.customer_key
    left join opportunities on leads.opportunity_key = opportunities.opportunity_key
    left join employees on {{ surrogate_key(['leads.owner_employee_id']) }} = employees.employee_key
    left join campaigns on {{ surrogate_key(['leads.campaign_id']) }} = campaigns.campaign_key
    left join channels on leads.lead_source = channels.channel

)

select * from final

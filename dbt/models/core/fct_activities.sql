{#- Grain: one row per activity. -#}

with activities as (

    select * from {{ ref('stg_activities') }}

),

resolved as (

    select * from {{ ref('int_identifiers__resolved') }}

),

contacts as (

    select * from {{ ref('dim_contacts') }}

),

leads as (

    select * from {{ ref('stg_leads') }}

),

opportunities as (

    select * from {{ ref('int_opportunities__classified') }}

),

employees as (

    select * from {{ ref('dim_employees') }}

),

lead_customers as (

    select
        leads.lead_key,
        resolved.customer_key
    from leads
    inner join resolved on leads.identity_key = resolved.identity_key

),

final as (

    select
        activities.activity_key,
        activities.activity_id,
        activities.source_system,
        activities.activity_type,
        coalesce(activities.direction, 'unknown') as direction,
        coalesce(
            nullif(resolved.customer_key, 'unknown'),
            nullif(contacts.customer_key, 'unknown'),
            nullif(opportunities.customer_key, 'unknown'),
            nullif(lead_customers.customer_key, 'unknown'),
            'unknown'
        ) as customer_key,
        coalesce(contacts.contact_key, 'unknown') as contact_key,
        coalesce(lead_customers.lead_key, 'unknown') as lead_key,
        coalesce(opportunities.opportunity_key, 'unknown') as opportunity_key,
        coalesce(employees.employee_key, 'unknown') as employee_key,
        activities.occurred_at,
        cast(activities.occurred_at as date) as activity_date,
        activities.duration_minutes,
        activities.outcome,
        activities.is_deleted
    from activities
    left join resolved on activities.identity_key = resolved.identity_key
    left join contacts on activities.contact_key = contacts.contact_key
    left join opportunities on activities.opportunity_key = opportunities.opportunity_key
    left join lead_customers on activities.lead_key = lead_customers.lead_key
    left join employees on {{ surrogate_key(['activities.employee_id']) }} = employees.employee_key

)

select * from final

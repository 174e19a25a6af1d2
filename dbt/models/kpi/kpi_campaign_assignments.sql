{#- Grain: one row per campaign and customer assigned in it, to be addressed or kept out as control. -#}

with parameters as (

    select * from {{ ref('dim_parameters') }}

),

campaign_contacts as (

    select * from {{ ref('fct_campaign_contacts') }}
    where not is_deleted and customer_key <> 'unknown' and campaign_key <> 'unknown'

),

campaign_costs as (

    select * from {{ ref('kpi_campaign_costs') }}

),

-- By intention: a customer belongs to the group of the first assignment, whatever came later.
numbered as (

    select
        campaign_contacts.*,
        row_number() over (
            partition by campaign_contacts.campaign_key, campaign_contacts.customer_key
            order by campaign_contacts.contact_date asc, campaign_contacts.is_control desc, campaign_contacts.campaign_contact_key asc
        ) as assignment_number
    from campaign_contacts
    cross join parameters
    where campaign_contacts.contact_date <= parameters.as_of_date

),

assigned as (

    select
        campaign_key,
        customer_key,
        min(contact_date) as assigned_date,
        bool_or(is_control and assignment_number = 1) as is_control,
        max(case when assignment_number = 1 then argument end) as argument,
        count(*) filter (where not is_control) as contact_count,
        bool_or(is_clicked or is_replied or is_converted) as is_responded
    from numbered
    group by campaign_key, customer_key

),

final as (

    select
        {{ surrogate_key(['assigned.campaign_key', 'assigned.customer_key']) }} as campaign_assignment_key,
        assigned.*,
        cast(coalesce(assigned.contact_count * campaign_costs.cost_per_contact, 0) as decimal(18, 8)) as contact_cost
    from assigned
    left join campaign_costs on assigned.campaign_key = campaign_costs.campaign_key

)

select * from final

{#- Grain: one row per campaign that kept a control group. -#}

with parameters as (

    select * from {{ ref('dim_parameters') }}

),

campaigns as (

    select * from {{ ref('dim_campaigns') }}
    where campaign_key <> 'unknown'

),

campaign_contacts as (

    select * from {{ ref('fct_campaign_contacts') }}
    where not is_deleted and customer_key <> 'unknown'

),

costs as (

    select * from {{ ref('fct_costs') }}
    where not is_deleted and cost_purpose = 'retention'

),

stretches as (

    select
        customer_key,
        started_date,
        lost_date
    from {{ ref('kpi_contract_stretches') }}
    union all
    select
        customer_key,
        started_date,
        lost_date
    from {{ ref('kpi_purchase_stretches') }}

),

-- By intention: a customer belongs to the group of the first assignment, whatever came later.
assigned as (

    select
        campaign_key,
        customer_key,
        contact_date,
        is_control
    from campaign_contacts
    qualify
        row_number() over (
            partition by campaign_key, customer_key
            order by contact_date asc, is_control desc, campaign_contact_key asc
        ) = 1

),

-- Only who was a customer on that day can be kept; who has a contract and buys besides is kept by either.
followed as (

    select
        assigned.campaign_key,
        assigned.customer_key,
        assigned.contact_date,
        assigned.is_control,
        bool_or(
            stretches.lost_date is null
            or stretches.lost_date > {{ date_plus('assigned.contact_date', 'parameters.churn_window_days') }}
        ) as is_retained
    from assigned
    cross join parameters
    inner join stretches
        on
            assigned.customer_key = stretches.customer_key
            and assigned.contact_date >= stretches.started_date
            and (stretches.lost_date is null or assigned.contact_date < stretches.lost_date)
    group by all

),

counted as (

    select
        campaign_key,
        min(contact_date) as first_contact_date,
        max(contact_date) as last_contact_date,
        count(*) filter (where not is_control) as treated_count,
        count(*) filter (where not is_control and is_retained) as treated_retained_count,
        count(*) filter (where is_control) as control_count,
        count(*) filter (where is_control and is_retained) as control_retained_count
    from followed
    group by campaign_key

),

spent as (

    select
        campaign_key,
        sum(cost_amount) as cost_amount
    from costs
    group by campaign_key

),

compared as (

    select
        counted.*,
        counted.treated_retained_count
        - cast(counted.treated_count * counted.control_retained_count as double) / counted.control_count as incremental_retained_count,
        cast(coalesce(spent.cost_amount, 0) as decimal(18, 2)) as cost_amount
    from counted
    left join spent on counted.campaign_key = spent.campaign_key
    where counted.treated_count > 0 and counted.control_count > 0

),

final as (

    select
        compared.campaign_key,
        campaigns.campaign_name,
        cast(date_trunc('month', compared.first_contact_date) as date) as month,
        compared.treated_count,
        compared.treated_retained_count,
        compared.control_count,
        compared.control_retained_count,
        compared.incremental_retained_count,
        compared.cost_amount,
        case
            when compared.incremental_retained_count > 0
                then cast(compared.cost_amount as double) / compared.incremental_retained_count
        end as cost_per_incremental_customer,
        {{ days_between('compared.last_contact_date', 'parameters.as_of_date') }} >= parameters.churn_window_days as is_final
    from compared
    cross join parameters
    inner join campaigns on compared.campaign_key = campaigns.campaign_key

)

select * from final

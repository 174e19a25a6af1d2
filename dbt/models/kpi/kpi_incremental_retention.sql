{#- Grain: one row per campaign that kept a control group. -#}

with parameters as (

    select * from {{ ref('dim_parameters') }}

),

campaigns as (

    select * from {{ ref('dim_campaigns') }}

),

campaign_assignments as (

    select * from {{ ref('kpi_campaign_assignments') }}

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

-- Only who was a customer on that day can be kept; who has a contract and buys besides is kept by either.
followed as (

    select
        campaign_assignments.campaign_key,
        campaign_assignments.customer_key,
        campaign_assignments.assigned_date,
        campaign_assignments.is_control,
        bool_or(
            stretches.lost_date is null
            or stretches.lost_date > {{ date_plus('campaign_assignments.assigned_date', 'parameters.churn_window_days') }}
        ) as is_retained
    from campaign_assignments
    cross join parameters
    inner join stretches
        on
            campaign_assignments.customer_key = stretches.customer_key
            and campaign_assignments.assigned_date >= stretches.started_date
            and (stretches.lost_date is null or campaign_assignments.assigned_date < stretches.lost_date)
    group by all

),

counted as (

    select
        campaign_key,
        min(assigned_date) as first_assigned_date,
        max(assigned_date) as last_assigned_date,
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
        cast(date_trunc('month', compared.first_assigned_date) as date) as month,
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
        {{ days_between('compared.last_assigned_date', 'parameters.as_of_date') }} >= parameters.churn_window_days as is_final
    from compared
    cross join parameters
    inner join campaigns on compared.campaign_key = campaigns.campaign_key

)

select * from final

{#- Grain: one row per experiment (a campaign, a segment, or all segments) and customer assigned in it. -#}

with parameters as (

    select * from {{ ref('dim_parameters') }}

),

campaign_assignments as (

    select * from {{ ref('kpi_campaign_assignments') }}

),

list_assignments as (

    select * from {{ ref('kpi_list_assignments') }}

),

contributions as (

    select * from {{ ref('kpi_customer_contributions') }}

),

-- A campaign assigns by day, so that day counts for both groups. A list is made at night, of all that day had.
assigned as (

    select
        'campaign' as experiment_type,
        campaign_assignments.campaign_key as experiment,
        campaign_assignments.customer_key,
        campaign_assignments.assigned_date,
        campaign_assignments.assigned_date as from_date,
        {{ date_plus('campaign_assignments.assigned_date', 'parameters.outcome_window_days') }} as until_date,
        not campaign_assignments.is_control as is_treated,
        true as is_same_draw,
        cast(null as decimal(9, 6)) as holdout_share,
        campaign_assignments.argument,
        campaign_assignments.contact_count,
        campaign_assignments.is_responded,
        campaign_assignments.contact_cost
    from campaign_assignments
    cross join parameters
    union all
    select
        case when scope = 'global' then 'programme' else 'segment' end as experiment_type,
        scope as experiment,
        customer_key,
        assigned_date,
        {{ date_plus('assigned_date', 1) }} as from_date,
        until_date,
        not is_holdout as is_treated,
        is_same_draw,
        holdout_share,
        argument,
        contact_count,
        is_responded,
        contact_cost
    from list_assignments

),

-- A day on which a customer brought in something counts once in each experiment he takes part in.
earned as (

    select
        assigned.experiment_type,
        assigned.experiment,
        assigned.customer_key,
        bool_or(contributions.order_count > 0) as is_converted,
        sum(contributions.contribution_amount) as margin_amount
    from assigned
    inner join contributions
        on
            assigned.customer_key = contributions.customer_key
            and assigned.from_date <= contributions.contribution_date
            and assigned.until_date >= contributions.contribution_date
    group by assigned.experiment_type, assigned.experiment, assigned.customer_key

),

final as (

    select
        {{ surrogate_key(['assigned.experiment_type', 'assigned.experiment', 'assigned.customer_key']) }} as experiment_outcome_key,
        assigned.*,
        assigned.until_date <= parameters.as_of_date as is_over,
        coalesce(earned.is_converted, false) as is_converted,
        cast(coalesce(earned.margin_amount, 0) as decimal(18, 2)) as margin_amount
    from assigned
    cross join parameters
    left join earned
        on
            assigned.experiment_type = earned.experiment_type
            and assigned.experiment = earned.experiment
            and assigned.customer_key = earned.customer_key

)

select * from final

{#- Grain: one row per lead of somebody who was no customer yet. -#}

with parameters as (

    select * from {{ ref('dim_parameters') }}

),

limits as (

    select * from {{ ref('pred_best_customer_limits') }}

),

cutoffs as (

    select * from {{ ref('pred_cutoffs') }}
    where purpose = 'fit'

),

contributions as (

    select * from {{ ref('kpi_customer_contributions') }}

),

leads as (

    select * from {{ ref('fct_leads') }}
    where not is_deleted and created_at is not null

),

lead_visits as (

    select * from {{ ref('pred_lead_visits') }}

),

first_days as (

    select
        customer_key,
        min(contribution_date) as first_date
    from contributions
    group by customer_key

),

newcomers as (

    select
        leads.*,
        {{ date_plus('leads.created_date', 'parameters.lead_maturity_days') }} as outcome_date,
        not leads.is_converted and first_days.first_date is null as is_open
    from leads
    cross join parameters
    left join first_days on leads.customer_key = first_days.customer_key
    where
        leads.created_date <= parameters.as_of_date
        and coalesce(first_days.first_date > leads.created_date, true)

),

-- Nobody here had brought in anything before the lead.
outcomes as (

    select
        newcomers.lead_key,
        sum(contributions.contribution_amount) as margin_amount
    from newcomers
    inner join contributions
        on
            newcomers.customer_key = contributions.customer_key
            and newcomers.outcome_date >= contributions.contribution_date
    group by newcomers.lead_key

),

-- Whether it became one of the best customers is known when its time is over, as seen from the day of the fit.
final as (

    select
        newcomers.lead_key,
        newcomers.created_date,
        newcomers.outcome_date,
        newcomers.lead_kind,
        newcomers.lead_source,
        newcomers.customer_segment,
        newcomers.campaign_key <> 'unknown' as has_campaign,
        coalesce(lead_visits.web_visit_count, 0) as web_visit_count,
        coalesce(lead_visits.store_visit_count, 0) as store_visit_count,
        coalesce(lead_visits.product_category, 'unknown') as product_category,
        newcomers.is_open,
        case
            when newcomers.outcome_date <= cutoffs.through_date
                then coalesce(outcomes.margin_amount >= limits.least_margin_amount, false)
        end as is_best_customer
    from newcomers
    cross join cutoffs
    left join lead_visits on newcomers.lead_key = lead_visits.lead_key
    left join outcomes on newcomers.lead_key = outcomes.lead_key
    left join limits on cutoffs.purpose = limits.purpose

)

select * from final

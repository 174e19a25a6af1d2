{#- Grain: one row per purpose, opportunity and stay in an open stage, as far as known on the last day of the purpose. -#}

with cutoffs as (

    select * from {{ ref('pred_cutoffs') }}

),

-- Nobody knows how long a deal took that was closed before its creation, or on no day.
opportunities as (

    select * from {{ ref('kpi_opportunities') }}
    where not has_close_before_creation and (is_open or close_date is not null)

),

visits as (

    select * from {{ ref('fct_opportunity_stages') }}

),

opportunity_stages as (

    select * from {{ ref('opportunity_stages') }}

),

-- What happened to a deal, in its order. What the source calls open is open, whatever its last stage means; what it calls closed
-- was closed on its day of closing, also where the history lacks that; a deal without a history has stood in its stage all along.
steps as (

    select
        opportunities.opportunity_key,
        visits.visit_number as step_number,
        cast(visits.entered_at as date) as step_date,
        visits.stage_name,
        case
            when visits.is_closing and not visits.is_current
                then case when opportunity_stages.is_won then 'won' else 'lost' end
        end as outcome,
        true as has_history
    from visits
    inner join opportunities on visits.opportunity_key = opportunities.opportunity_key
    left join opportunity_stages on lower(trim(visits.stage_name)) = lower(trim(opportunity_stages.stage_name))
    where not (visits.is_closing and visits.is_current and opportunities.is_closed)
    union all
    select
        opportunity_key,
        cast(2147483647 as bigint) as step_number,
        close_date as step_date,
        cast(null as string) as stage_name,
        case when is_won then 'won' else 'lost' end as outcome,
        true as has_history
    from opportunities
    where is_closed
    union all
    select
        opportunities.opportunity_key,
        cast(1 as bigint) as step_number,
        opportunities.created_date as step_date,
        opportunities.stage_name,
        cast(null as string) as outcome,
        false as has_history
    from opportunities
    left join visits on opportunities.opportunity_key = visits.opportunity_key
    where opportunities.is_open and visits.opportunity_key is null

),

-- Three purposes make three rows of a step. Where a deal without a history stood on an earlier day nobody knows.
known as (

    select
        cutoffs.purpose,
        cutoffs.through_date,
        steps.opportunity_key,
        steps.step_number,
        coalesce(steps.step_date, cutoffs.through_date) as step_date,
        steps.stage_name,
        steps.outcome,
        lead(steps.step_date) over (partition by cutoffs.purpose, steps.opportunity_key order by steps.step_number) as next_step_date
    from steps
    cross join cutoffs
    where
        coalesce(steps.step_date, cutoffs.through_date) <= cutoffs.through_date
        and (steps.has_history or cutoffs.purpose = 'today')

),

-- Of several steps on one day the last counts, and an outcome only as long as nothing comes after it: a reopened deal counts once.
lasting as (

    select
        *,
        lead(step_date) over (partition by purpose, opportunity_key order by step_number) as left_date,
        lead(coalesce(outcome, stage_name)) over (partition by purpose, opportunity_key order by step_number) as destination
    from known
    where next_step_date is null or (outcome is null and next_step_date > step_date)

),

final as (

    select
        lasting.purpose,
        lasting.opportunity_key,
        lasting.step_number as stay_number,
        opportunities.customer_segment,
        lasting.stage_name,
        lasting.step_date as entered_date,
        {{ days_between('lasting.step_date', 'coalesce(lasting.left_date, lasting.through_date)') }} as days_in_stage,
        lasting.destination
    from lasting
    inner join opportunities on lasting.opportunity_key = opportunities.opportunity_key
    where lasting.outcome is null

)

select * from final

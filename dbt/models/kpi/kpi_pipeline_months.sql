{#- Grain: one row per opportunity and month at whose end it was open; the open month ends with the day of the run. -#}

with parameters as (

    select * from {{ ref('dim_parameters') }}

),

opportunities as (

    select * from {{ ref('kpi_opportunities') }}

),

visits as (

    select
        *,
        lead(is_closing and is_current) over (partition by opportunity_key order by visit_number) as is_before_outcome
    from {{ ref('fct_opportunity_stages') }}

),

revisions as (

    select * from {{ ref('fct_opportunity_revisions') }}

),

stage_norms as (

    select * from {{ ref('kpi_stage_norms_monthly') }}

),

months as (

    select * from {{ ref('dim_date') }}
    where date_day = month

),

month_ends as (

    select
        months.month,
        least({{ date_plus(date_plus('months.month', 1, 'month'), -1) }}, parameters.as_of_date) as last_date
    from months
    cross join parameters
    where months.month <= parameters.as_of_month

),

-- Where a deal stood, and how long. The last stay ends with the day of closing, also where the history knows another; what
-- the source calls open is open, whatever its last stage means; a deal without a history has stood in its stage all along.
stays as (

    select
        opportunities.opportunity_key,
        coalesce(visits.stage_name, opportunities.stage_name) as stage_name,
        coalesce(visits.entered_at, cast(opportunities.created_date as timestamp)) as entered_at,
        coalesce(
            case when coalesce(visits.visit_number, 1) = 1 then opportunities.created_date end,
            cast(visits.entered_at as date),
            parameters.as_of_date
        ) as valid_from,
        coalesce(
            case
                when visits.is_before_outcome then opportunities.close_date
                else least(cast(visits.left_at as date), opportunities.close_date)
            end,
            cast(visits.left_at as date),
            date '9999-12-31'
        ) as valid_to
    from opportunities
    cross join parameters
    left join visits on opportunities.opportunity_key = visits.opportunity_key
    where not coalesce(visits.is_closing, false) or (visits.is_current and opportunities.is_open)

),

-- A deal meets every month at whose end it was open, and in each the one stay and the one revision that held then.
measured as (

    select
        stays.opportunity_key,
        month_ends.month,
        month_ends.last_date,
        stays.stage_name,
        greatest({{ elapsed_days('stays.entered_at', 'cast(month_ends.last_date as timestamp)') }}, 0) as days_in_stage,
        stage_norms.usual_days,
        revisions.expected_close_date,
        {{ days_between('revisions.expected_close_date', 'month_ends.last_date') }} as days_overdue,
        revisions.amount,
        coalesce(revisions.slippage_count, 0) as slippage_count,
        coalesce(revisions.slipped_days, 0) as slipped_days
    from stays
    inner join month_ends on stays.valid_from <= month_ends.last_date and stays.valid_to > month_ends.last_date
    left join revisions
        on
            stays.opportunity_key = revisions.opportunity_key
            and month_ends.last_date >= revisions.valid_from
            and month_ends.last_date < revisions.valid_to
    left join stage_norms on month_ends.month = stage_norms.month and stays.stage_name = stage_norms.stage_name

),

final as (

    select
        {{ surrogate_key(['measured.opportunity_key', 'measured.month']) }} as pipeline_month_key,
        measured.opportunity_key,
        measured.month,
        opportunities.customer_key,
        opportunities.employee_key,
        measured.stage_name,
        cast({{ days_between('opportunities.created_date', 'measured.last_date') }} as double) as age_days,
        measured.days_in_stage,
        measured.usual_days,
        coalesce(measured.days_in_stage > measured.usual_days * parameters.stale_stage_factor, false) as is_stale,
        measured.amount,
        measured.expected_close_date,
        case when measured.expected_close_date is not null then cast(greatest(measured.days_overdue, 0) as double) end as overdue_days,
        coalesce(measured.days_overdue > 0, false) as is_overdue,
        measured.slippage_count,
        measured.slipped_days,
        opportunities.customer_segment,
        opportunities.region,
        opportunities.team,
        opportunities.employee,
        opportunities.product_category,
        opportunities.channel,
        opportunities.campaign
    from measured
    cross join parameters
    inner join opportunities on measured.opportunity_key = opportunities.opportunity_key

)

select * from final

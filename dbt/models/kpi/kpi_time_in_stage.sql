{#- Grain: one row per opportunity that counts and stage it has visited; closing stages are no part of the way. -#}

with parameters as (

    select * from {{ ref('dim_parameters') }}

),

visits as (

    select * from {{ ref('fct_opportunity_stages') }}
    where not is_closing

),

opportunities as (

    select * from {{ ref('kpi_opportunities') }}

),

-- A visit without an end lasts until the day of the run, unless the deal was closed without an entry in its history.
timed as (

    select
        visits.opportunity_key,
        visits.stage_name,
        visits.stage_order,
        visits.visit_number,
        visits.entered_at,
        visits.is_current and opportunities.is_open as is_censored,
        visits.is_backward,
        visits.is_skipping,
        visits.is_after_close,
        greatest(
            visits.entered_at,
            coalesce(visits.left_at, cast(opportunities.close_date as timestamp), cast(parameters.as_of_date as timestamp))
        ) as ended_at,
        row_number() over (
            partition by visits.opportunity_key, visits.stage_name
            order by visits.visit_number desc
        ) = 1 as is_latest
    from visits
    cross join parameters
    inner join opportunities on visits.opportunity_key = opportunities.opportunity_key

),

summed as (

    select
        opportunity_key,
        stage_name,
        min(stage_order) as stage_order,
        count(*) as visit_count,
        max(case when is_latest then entered_at end) as entered_at,
        max(case when is_latest then ended_at end) as ended_at,
        max(case when is_latest then {{ elapsed_days('entered_at', 'ended_at') }} end) as latest_days,
        cast(sum(cast({{ rounded(elapsed_days('entered_at', 'ended_at'), 6) }} as decimal(18, 6))) as double) as cumulative_days,
        bool_or(is_censored) as is_censored,
        bool_or(is_backward) as is_backward,
        bool_or(is_skipping) as is_skipping,
        bool_or(is_after_close) as is_reopened
    from timed
    group by all

),

final as (

    select
        {{ surrogate_key(['summed.opportunity_key', 'summed.stage_name']) }} as time_in_stage_key,
        summed.opportunity_key,
        opportunities.customer_key,
        opportunities.employee_key,
        summed.stage_name,
        summed.stage_order,
        summed.visit_count,
        summed.entered_at,
        case when not summed.is_censored then summed.ended_at end as left_at,
        case when not summed.is_censored then cast(date_trunc('month', summed.ended_at) as date) end as left_month,
        summed.latest_days,
        summed.cumulative_days,
        summed.is_censored,
        summed.is_backward,
        summed.is_skipping,
        summed.is_reopened,
        opportunities.customer_segment,
        opportunities.region,
        opportunities.team,
        opportunities.employee,
        opportunities.product_category,
        opportunities.channel,
        opportunities.campaign
    from summed
    inner join opportunities on summed.opportunity_key = opportunities.opportunity_key

)

select * from final

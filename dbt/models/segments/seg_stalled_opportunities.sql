{#- Grain: one row per open opportunity that has been in its stage much longer than deals usually are. -#}

with parameters as (

    select * from {{ ref('dim_parameters') }}

),

opportunities as (

    select * from {{ ref('fct_opportunities') }}
    where is_open and not is_excluded

),

stage_times as (

    select * from {{ ref('kpi_time_in_stage') }}

),

usual as (

    select
        stage_name,
        percentile_cont(0.5) within group (order by latest_days) as usual_days
    from stage_times
    where not is_censored
    group by stage_name

),

stalled as (

    select
        opportunities.opportunity_key,
        opportunities.opportunity_id,
        opportunities.customer_key,
        opportunities.employee_key,
        stage_times.employee as employee_id,
        stage_times.stage_name,
        stage_times.latest_days as days_in_stage,
        cast(usual.usual_days as double) as usual_days,
        opportunities.amount,
        opportunities.expected_close_date,
        {{ days_between('opportunities.expected_close_date', 'parameters.as_of_date') }} as days_overdue
    from opportunities
    cross join parameters
    inner join stage_times on opportunities.opportunity_key = stage_times.opportunity_key and stage_times.is_censored
    inner join usual on stage_times.stage_name = usual.stage_name
    where stage_times.latest_days > usual.usual_days * parameters.stale_stage_factor

),

final as (

    select
        opportunity_key,
        customer_key,
        cast(row_number() over (order by amount desc nulls last, days_in_stage desc, opportunity_key asc) as bigint) as rank_number,
        'In ' || stage_name || ' for ' || cast(cast(round(days_in_stage) as bigint) as string) || ' days, usually '
        || cast(cast(round(usual_days) as bigint) as string) || ' days'
        || case
            when days_overdue > 0 then ', expected close ' || cast(days_overdue as string) || ' days overdue'
            else ''
        end as reason,
        opportunity_id,
        employee_key,
        employee_id,
        stage_name,
        days_in_stage,
        usual_days,
        amount,
        expected_close_date
    from stalled

)

select * from final

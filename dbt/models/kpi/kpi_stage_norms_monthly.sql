{#- Grain: one row per month and stage that a deal won by its end has passed. -#}

with parameters as (

    select * from {{ ref('dim_parameters') }}

),

stage_times as (

    select * from {{ ref('kpi_time_in_stage') }}
    where not is_censored

),

opportunities as (

    select * from {{ ref('kpi_opportunities') }}
    where is_won

),

months as (

    select * from {{ ref('dim_date') }}
    where date_day = month

),

won_stays as (

    select
        opportunities.closed_month,
        stage_times.stage_name,
        stage_times.latest_days
    from stage_times
    inner join opportunities on stage_times.opportunity_key = opportunities.opportunity_key

),

-- What is usual is learned from every deal won so far: a stay counts in the month of the win and in each later one.
final as (

    select
        months.month,
        won_stays.stage_name,
        count(*) as stay_count,
        {{ rounded('round(percentile_cont(0.5) within group (order by won_stays.latest_days), 9)', 4) }} as usual_days
    from won_stays
    cross join parameters
    inner join months on won_stays.closed_month <= months.month and parameters.as_of_month >= months.month
    group by months.month, won_stays.stage_name

)

select * from final

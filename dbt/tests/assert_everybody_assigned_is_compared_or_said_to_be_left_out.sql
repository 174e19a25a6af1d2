{#- Experiments whose treated, control group, open windows and other draws are not everybody who was assigned. -#}

with outcomes as (

    select * from {{ ref('kpi_experiment_outcomes') }}

),

lifts as (

    select * from {{ ref('kpi_experiment_lifts') }}
    where dimension = 'total'

),

assigned as (

    select
        experiment_type,
        experiment,
        count(*) as assigned_count
    from outcomes
    group by experiment_type, experiment

)

select
    lifts.experiment_type,
    lifts.experiment,
    assigned.assigned_count,
    lifts.treated_count,
    lifts.control_count,
    lifts.open_count,
    lifts.other_draw_count
from lifts
inner join assigned on lifts.experiment_type = assigned.experiment_type and lifts.experiment = assigned.experiment
where lifts.treated_count + lifts.control_count + lifts.open_count + lifts.other_draw_count <> assigned.assigned_count

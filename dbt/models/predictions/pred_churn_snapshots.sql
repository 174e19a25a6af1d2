{#- Grain: one row per day on which customers are looked at: today, and six past days whose outcome is known. -#}

with parameters as (

    select * from {{ ref('dim_parameters') }}

),

cutoffs as (

    select * from {{ ref('pred_cutoffs') }}

),

-- Number 1 is the last day whose outcome is over at the fit; what followed number 4 was over on the day of number 1.
steps as (

    select
        parameters.churn_horizon_days,
        cast(ceil(cast(parameters.churn_horizon_days as double) / 3) as bigint) as step_days
    from parameters

),

numbers as (

    select 1 as snapshot_number
    union all
    select 2 as snapshot_number
    union all
    select 3 as snapshot_number
    union all
    select 4 as snapshot_number
    union all
    select 5 as snapshot_number
    union all
    select 6 as snapshot_number

),

past as (

    select
        numbers.snapshot_number,
        {{ date_plus('cutoffs.through_date', '-steps.churn_horizon_days - (numbers.snapshot_number - 1) * steps.step_days') }}
            as snapshot_date
    from cutoffs
    cross join steps
    cross join numbers
    where cutoffs.purpose = 'fit'

),

final as (

    select
        cast(past.snapshot_number as bigint) as snapshot_number,
        past.snapshot_date,
        {{ date_plus('past.snapshot_date', 'steps.churn_horizon_days') }} as outcome_date
    from past
    cross join steps
    union all
    select
        cast(0 as bigint) as snapshot_number,
        through_date as snapshot_date,
        cast(null as date) as outcome_date
    from cutoffs
    where purpose = 'today'

)

select * from final

{#- Grain: one row per day from which customers are profiled. -#}

with parameters as (

    select * from {{ ref('dim_parameters') }}

),

cutoffs as (

    select * from {{ ref('pred_cutoffs') }}

),

back_test as (

    select
        fits.through_date as fit_date,
        cast(date_trunc('year', holdouts.through_date) as date) as year_date,
        extract(month from holdouts.through_date) as month_number
    from cutoffs as holdouts
    inner join cutoffs as fits on fits.purpose = 'fit'
    where holdouts.purpose = 'holdout'

),

purposes as (

    select 'fit' as purpose
    union all
    select 'today' as purpose

),

-- Who a customer of today resembles is asked once a week. The anchor is the last day of a half year before the back-test:
-- clusters keep its names for half a year.
days as (

    select
        purposes.purpose,
        cutoffs.through_date,
        cutoffs.through_date as until_date
    from cutoffs
    cross join purposes
    where cutoffs.purpose = 'fit'
    union all
    select
        'anchor' as purpose,
        {{ date_plus(date_plus('year_date', 'case when month_number > 6 then 6 else 0 end', 'month'), '-1') }} as through_date,
        fit_date as until_date
    from back_test

),

final as (

    select
        days.purpose,
        {{ date_plus(date_plus('days.through_date', '-parameters.cluster_window_months', 'month'), '1') }} as from_date,
        days.through_date,
        days.until_date
    from days
    cross join parameters

)

select * from final

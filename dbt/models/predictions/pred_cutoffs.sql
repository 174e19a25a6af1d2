{#- Grain: one row per purpose for which something is learned. -#}

with parameters as (

    select * from {{ ref('dim_parameters') }}

),

-- 4 January 1970 was a Sunday.
fitted as (

    select
        as_of_date,
        prediction_holdout_months,
        {{ date_plus('as_of_date', "-(" ~ days_between("cast('1970-01-04' as date)", 'as_of_date') ~ " % 7)") }} as fitted_through_date
    from parameters

),

final as (

    select
        'today' as purpose,
        as_of_date,
        as_of_date as through_date,
        as_of_date as until_date
    from fitted
    union all
    select
        'fit' as purpose,
        as_of_date,
        fitted_through_date as through_date,
        fitted_through_date as until_date
    from fitted
    union all
    select
        'holdout' as purpose,
        as_of_date,
        {{ date_plus('fitted_through_date', '-prediction_holdout_months', 'month') }} as through_date,
        fitted_through_date as until_date
    from fitted

)

select * from final

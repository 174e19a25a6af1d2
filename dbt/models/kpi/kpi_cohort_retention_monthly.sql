{#- Grain: one row per reading (months since the first purchase), month of the cohort, dimension and member. -#}

with parameters as (

    select * from {{ ref('dim_parameters') }}

),

months as (

    select * from {{ ref('dim_date') }}
    where date_day = month

),

cohorts as (

    select * from {{ ref('kpi_cohort_retention') }}

),

ages as (

    {% for months_since in [1, 3, 6, 12, 24] -%}
    select {{ months_since }} as months_since
    {{ 'union all' if not loop.last }}
    {% endfor %}

),

-- Every month old enough to have reached the age has a total, so that a month in which nobody was won says so.
with_empty_months as (

    select
        ages.months_since,
        months.month,
        coalesce(cohorts.dimension, 'total') as dimension,
        coalesce(cohorts.member, 'total') as member,
        coalesce(cohorts.active_count, 0) as active_count,
        coalesce(cohorts.cohort_count, 0) as cohort_count
    from months
    cross join ages
    cross join parameters
    left join cohorts on months.month = cohorts.cohort_month and ages.months_since = cohorts.months_since
    where
        months.month >= (select min(first_cohorts.cohort_month) from cohorts as first_cohorts)
        and {{ date_plus('months.month', 'ages.months_since', 'month') }} <= parameters.as_of_month

),

final as (

    select
        'active_share_m' || cast(filled.months_since as string) as reading,
        filled.month,
        filled.dimension,
        filled.member,
        cast(filled.active_count as decimal(18, 2)) as numerator,
        cast(filled.cohort_count as decimal(18, 2)) as denominator,
        {{ safe_ratio('filled.active_count', 'filled.cohort_count') }} as value,
        'rate' as unit,
        {{ date_plus('filled.month', 'filled.months_since', 'month') }} < parameters.as_of_month as is_final
    from with_empty_months as filled
    cross join parameters

)

select * from final

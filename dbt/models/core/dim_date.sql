{#- Grain: one row per day, from 1990 to two years after the day of the run. -#}

with parameters as (

    select * from {{ ref('dim_parameters') }}

),

holidays as (

    select * from {{ ref('int_holidays__dated') }}

),

digits as (

    {% for digit in range(10) -%}
    select {{ digit }} as digit{{ ' union all' if not loop.last }}
    {% endfor %}

),

-- 0 … 99,999: more than 270 years of days, without a generator function that engines spell differently.
numbers as (

    select
        ones.digit
        + 10 * tens.digit
        + 100 * hundreds.digit
        + 1000 * thousands.digit
        + 10000 * ten_thousands.digit as day_number
    from digits as ones
    cross join digits as tens
    cross join digits as hundreds
    cross join digits as thousands
    cross join digits as ten_thousands

),

days as (

    select
        {{ date_plus("date '1990-01-01'", 'numbers.day_number') }} as date_day,
        -- 1990-01-01 was a Monday.
        numbers.day_number % 7 + 1 as day_of_week_iso
    from numbers
    cross join parameters
    where numbers.day_number <= {{ days_between("date '1990-01-01'", 'parameters.as_of_date') }} + 731

),

-- Two holidays may fall on one day, as Labour Day and Ascension did in 2008.
free_days as (

    select holiday_date
    from holidays
    group by holiday_date

),

dated as (

    select
        days.date_day,
        days.day_of_week_iso,
        cast(extract(year from days.date_day) as bigint) as year,
        cast(extract(month from days.date_day) as bigint) as month_of_year,
        (cast(extract(month from days.date_day) as bigint) - parameters.fiscal_year_start_month + 12) % 12 + 1 as fiscal_month,
        parameters.fiscal_year_start_month
    from days
    cross join parameters

),

final as (

    select
        dated.date_day,
        dated.year,
        cast(extract(quarter from dated.date_day) as bigint) as quarter,
        cast(date_trunc('month', dated.date_day) as date) as month,
        cast(weekofyear(dated.date_day) as bigint) as iso_week,
        cast(dated.day_of_week_iso as bigint) as day_of_week_iso,
        -- A fiscal year has the name of the calendar year it ends in.
        dated.year
        + case when dated.fiscal_year_start_month > 1 and dated.month_of_year >= dated.fiscal_year_start_month then 1 else 0 end
            as fiscal_year,
        cast(floor((dated.fiscal_month - 1) / 3) as bigint) + 1 as fiscal_quarter,
        dated.fiscal_month,
        dated.day_of_week_iso >= 6 as is_weekend,
        free_days.holiday_date is not null as is_holiday,
        dated.day_of_week_iso < 6 and free_days.holiday_date is null as is_business_day
    from dated
    left join free_days on dated.date_day = free_days.holiday_date

)

select * from final

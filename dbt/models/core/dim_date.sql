{#- Grain: one row per day, from 1990 to the end of the month two years after that of the run. -#}

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
    -- By whole months: the calendar, and what reads it, stays as it is for all nights of a month.
    where numbers.day_number < {{ days_between("date '1990-01-01'", date_plus('parameters.as_of_month', 25, 'month')) }}

),

-- Two holidays may fall on one day, as Labour Day and Ascension did in 2008.
free_days as (

    select holiday_date
    from holidays
    group by holiday_date

),

-- A fiscal year is a calendar year that began earlier, and has the name of the one it ends in.
shifted as (

    select
        days.date_day,
        days.day_of_week_iso,
        {{ date_plus("cast(date_trunc('month', days.date_day) as date)", '(13 - parameters.fiscal_year_start_month) % 12', 'month') }}
            as fiscal_date
    from days
    cross join parameters

),

final as (

    select
        shifted.date_day,
        cast(extract(year from shifted.date_day) as bigint) as year,
        cast(extract(quarter from shifted.date_day) as bigint) as quarter,
        cast(date_trunc('month', shifted.date_day) as date) as month,
        cast(weekofyear(shifted.date_day) as bigint) as iso_week,
        cast(shifted.day_of_week_iso as bigint) as day_of_week_iso,
        cast(extract(year from shifted.fiscal_date) as bigint) as fiscal_year,
        cast(extract(quarter from shifted.fiscal_date) as bigint) as fiscal_quarter,
        cast(extract(month from shifted.fiscal_date) as bigint) as fiscal_month,
        shifted.day_of_week_iso >= 6 as is_weekend,
        free_days.holiday_date is not null as is_holiday,
        shifted.day_of_week_iso < 6 and free_days.holiday_date is null as is_business_day
    from shifted
    left join free_days on shifted.date_day = free_days.holiday_date

)

select * from final

{#- Grain: one row per day, from 1990 to two years after the day of the run. -#}

with parameters as (

    select * from {{ ref('dim_parameters') }}

),

holidays as (

    select * from {{ ref('holidays') }}

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

final as (

    select
        days.date_day,
        cast(extract(year from days.date_day) as bigint) as year,
        cast(extract(quarter from days.date_day) as bigint) as quarter,
        cast(date_trunc('month', days.date_day) as date) as month,
        cast(weekofyear(days.date_day) as bigint) as iso_week,
        cast(days.day_of_week_iso as bigint) as day_of_week_iso,
        days.day_of_week_iso >= 6 as is_weekend,
        holidays.title is not null as is_holiday,
        days.day_of_week_iso < 6 and holidays.title is null as is_business_day
    from days
    left join holidays
        on
            extract(month from days.date_day) = holidays.month_of_year
            and extract(day from days.date_day) = holidays.day_of_month

)

select * from final

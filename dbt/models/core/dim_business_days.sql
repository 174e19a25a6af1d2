{#- Grain: one row per calendar of seed business_hours and day, closed days included. -#}

with parameters as (

    select * from {{ ref('dim_parameters') }}

),

days as (

    select * from {{ ref('dim_date') }}

),

business_hours as (

    select * from {{ ref('business_hours') }}

),

calendars as (

    select calendar
    from business_hours
    group by calendar

),

-- The clock of the place says when it opens; a day on which that clock jumps is an hour shorter or longer.
opened as (

    select
        calendars.calendar,
        days.date_day,
        case
            when not days.is_holiday
                then {{ utc_time(
                    "cast(cast(days.date_day as string) || ' ' || business_hours.opens_at || ':00' as timestamp)",
                    'parameters.business_time_zone'
                ) }}
        end as opens_at,
        case
            when days.is_holiday then null
            when business_hours.closes_at = '24:00'
                then {{ utc_time('cast(' ~ date_plus('days.date_day', 1) ~ ' as timestamp)', 'parameters.business_time_zone') }}
            else {{ utc_time(
                "cast(cast(days.date_day as string) || ' ' || business_hours.closes_at || ':00' as timestamp)",
                'parameters.business_time_zone'
            ) }}
        end as closes_at
    from days
    cross join parameters
    cross join calendars
    left join business_hours
        on
            calendars.calendar = business_hours.calendar
            and days.day_of_week_iso = business_hours.weekday_iso

),

measured as (

    select
        calendar,
        date_day,
        opens_at,
        closes_at,
        coalesce(cast(round({{ elapsed_days('opens_at', 'closes_at') }} * 86400) as bigint), 0) as open_seconds
    from opened

),

final as (

    select
        {{ surrogate_key(['calendar', 'date_day']) }} as business_day_key,
        calendar,
        date_day,
        opens_at,
        closes_at,
        open_seconds,
        cast(
            coalesce(
                sum(open_seconds) over (
                    partition by calendar
                    order by date_day
                    rows between unbounded preceding and 1 preceding
                ),
                0
            ) as bigint
        ) as open_seconds_before
    from measured

)

select * from final

{#- Grain: one row per public holiday and year; a holiday on a single date has one row. -#}

with parameters as (

    select * from {{ ref('dim_parameters') }}

),

holidays as (

    select * from {{ ref('holidays') }}

),

-- Easter Sunday by the rule of Gauss as it holds from 1900 to 2099.
easters as (

    {% for year in range(1990, 2100) -%}
    {%- set moon = (19 * (year % 19) + 24) % 30 -%}
    {%- set sunday = (2 * (year % 4) + 4 * (year % 7) + 6 * moon + 5) % 7 -%}
    {%- set week_early = 7 if sunday == 6 and (moon == 29 or (moon == 28 and year % 19 > 10)) else 0 -%}
    select
        {{ year }} as year,
        {{ date_plus("date '" ~ year ~ "-03-22'", moon + sunday - week_early) }} as easter_date
    {{ 'union all' if not loop.last }}
    {% endfor %}

),

-- To two years after the run, as dim_date. A 29 February is a holiday in leap years only.
dated as (

    select
        holidays.title,
        case
            when holidays.days_after_easter is not null then {{ date_plus('easters.easter_date', 'holidays.days_after_easter') }}
            else {{ date_plus(
                date_plus("cast(cast(easters.year as string) || '-01-01' as date)", 'holidays.month_of_year - 1', 'month'),
                'holidays.day_of_month - 1'
            ) }}
        end as holiday_date,
        holidays.month_of_year
    from holidays
    cross join parameters
    inner join easters on easters.year <= extract(year from parameters.as_of_date) + 2
    where holidays.holiday_date is null
    union all
    select
        title,
        holiday_date,
        null as month_of_year
    from holidays
    where holiday_date is not null

),

final as (

    select
        {{ surrogate_key(['holiday_date', 'title']) }} as holiday_key,
        holiday_date,
        title
    from dated
    where month_of_year is null or month_of_year = extract(month from holiday_date)

)

select * from final

-- kpi_service_time_monthly: reading, month, dimension, member, numerator, denominator, median, 9 of 10, censored.
with cut as (
    select
        reading || '_' || clock as reading,
        month_of(coalesce(happened_at, created_at)) as month,
        dimension,
        case dimension when 'total' then 'total' when 'team' then team else priority end as member,
        case
            when happened_at is null then null
            when clock = 'business' then business_hours
            else calendar_hours
        end as hours,
        happened_at is null as is_censored
    from waits
    cross join (values ('total'), ('team'), ('priority')) as dimensions (dimension)
    cross join (values ('calendar'), ('business')) as clocks (clock)
)

select
    reading,
    month,
    dimension,
    member,
    coalesce(sum(hours::decimal(18, 4)), 0) as numerator,
    count(hours) as denominator,
    round(round(quantile_cont(hours, 0.5), 9), 4) as median_hours,
    round(round(quantile_cont(hours, 0.9), 9), 4) as p90_hours,
    count(*) filter (where is_censored) as censored
from cut
group by all

-- kpi_ticket_backlog_monthly: reading, month, dimension, member, numerator, denominator.
with month_ends as (
    select
        month,
        least(month + interval 1 month, (select moment from run_end)) as moment
    from months
),

waiting as (
    select
        month_ends.month,
        served.team,
        date_diff('second', served.created_at, month_ends.moment) / 86400 as age_days
    from served
    inner join month_ends on served.created_at < month_ends.moment and coalesce(served.resolved_at >= month_ends.moment, true)
),

weighed as (
    select
        'open_tickets' as reading,
        month,
        team,
        1 as weight
    from waiting
    union all
    select
        'open_age' as reading,
        month,
        team,
        age_days::decimal(18, 4) as weight
    from waiting
    union all
    select
        'reopened' as reading,
        month_of(resolved_at) as month,
        team,
        (replies_after > 0)::int as weight
    from served
    where resolved_at is not null and not is_auto_closed and replies > 0
)

select
    reading,
    month,
    dimension,
    case when dimension = 'total' then 'total' else team end as member,
    sum(weight) as numerator,
    case when any_value(reading) <> 'open_tickets' then count(*) end as denominator
from weighed
cross join (values ('total'), ('team')) as dimensions (dimension)
group by all

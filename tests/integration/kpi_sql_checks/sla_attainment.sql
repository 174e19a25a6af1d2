-- kpi_sla_attainment_monthly: reading, month of opening, dimension, member, numerator, denominator, pending, overdue.
with judged as (
    select
        waits.reading,
        month_of(waits.created_at) as month,
        waits.priority,
        waits.happened_at is null as is_waiting,
        (
            case when promised.clock = 'business' then waits.business_hours else waits.calendar_hours end
            <= case when waits.reading = 'resolution' then promised.resolution_hours else promised.first_response_hours end
        ) as is_in_time
    from waits
    asof inner join sla_targets as promised on waits.priority = promised.priority and waits.ended_at >= promised.valid_from
    where not waits.is_outbound
)

select
    reading,
    month,
    dimension,
    case when dimension = 'total' then 'total' else priority end as member,
    count(*) filter (where is_in_time and not is_waiting) as numerator,
    count(*) filter (where not (is_in_time and is_waiting)) as denominator,
    count(*) filter (where is_in_time and is_waiting) as pending,
    count(*) filter (where not is_in_time and is_waiting) as overdue
from judged
cross join (values ('total'), ('priority')) as dimensions (dimension)
group by all

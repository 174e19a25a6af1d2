-- kpi_argument_response_monthly: reading, month, dimension, member, numerator, denominator.
with cut as (
    select
        'total' as dimension,
        'total' as member,
        *
    from recipients_judged
    where argument <> 'unknown'
    union all
    select
        'argument',
        argument,
        *
    from recipients_judged
    where argument <> 'unknown'
)

select
    'response' as reading,
    month,
    dimension,
    member,
    sum(responded::int) as numerator,
    count(*) as denominator
from cut
group by all
union all
select
    'conversion',
    month,
    dimension,
    member,
    sum(bought::int),
    count(*)
from cut
group by all

-- kpi_campaign_response_monthly: reading, month, dimension, member, numerator, denominator.
with cut as (
    select
        'total' as dimension,
        'total' as member,
        *
    from recipients_judged
    union all
    select
        'channel',
        channel,
        *
    from recipients_judged
    union all
    select
        'campaign',
        campaign_id,
        *
    from recipients_judged
    union all
    select
        'wave',
        wave::varchar,
        *
    from recipients_judged
)

select
    'open' as reading,
    month,
    dimension,
    member,
    sum(opened::int) as numerator,
    count(*) as denominator
from cut
where tells_opens and not came_back
group by all
union all
select
    'click',
    month,
    dimension,
    member,
    sum(clicked::int),
    count(*)
from cut
where tells_clicks and not came_back
group by all
union all
select
    'response',
    month,
    dimension,
    member,
    sum(responded::int),
    count(*)
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
union all
select
    'unsubscribe',
    month,
    dimension,
    member,
    sum(left_us::int),
    count(*)
from cut
group by all
union all
select
    'bounce',
    month,
    dimension,
    member,
    sum(came_back::int),
    count(*)
from cut
group by all

-- kpi_visitor_conversion_monthly: reading, month, dimension, member, numerator, denominator.
with enquiries as (
    select
        "Id" as lead_id,
        lower(trim("Email")) as email,
        crm_moment("CreatedDate") as created_at
    from salesforce_lead
    where crm_moment("CreatedDate")::date <= (select as_of from run)
    qualify
        row_number() over (partition by "Id" order by crm_moment("SystemModstamp") desc, file desc, line desc) = 1
        and "IsDeleted" <> 'true'
),

first_enquiries as (
    select
        visitor,
        min(created_at) as enquired_at
    from (
        select
            visits.visitor,
            min(enquiries.created_at) as created_at
        from visits inner join enquiries on visits.email = enquiries.email
        group by all
        union all
        select
            lead_persons.person_id,
            enquiries.created_at
        from enquiries inner join lead_persons on enquiries.lead_id = lead_persons.lead_id
        where lead_persons.person_id is not null
    )
    group by all
),

first_orders as (
    select
        person_id,
        min(ordered_at) as ordered_at
    from bought_orders
    where person_id is not null
    group by all
),

arrivals as (
    select
        places.place,
        visits.visitor,
        any_value(visits.person_id) as person_id,
        min(visits.visited_at) as came_at,
        arg_min(visits.channel, (visits.visited_at, visits.visit_key)) as channel,
        arg_min(visits.is_bounce, (visits.visited_at, visits.visit_key)) as is_bounce,
        bool_or(visits.has_purchase) as has_purchase
    from visits
    inner join (values ('web'), ('store'), ('any')) as places (place) on places.place in (visits.place, 'any')
    group by places.place, visits.visitor
),

judged as (
    select
        arrivals.*,
        month_of(arrivals.came_at) as month,
        coalesce(first_orders.ordered_at < arrivals.came_at, false) as bought_before,
        coalesce(first_orders.ordered_at >= arrivals.came_at, false) or (first_orders.ordered_at is null and arrivals.has_purchase) as buys,
        coalesce(first_enquiries.enquired_at < arrivals.came_at, false) as enquired_before,
        coalesce(first_enquiries.enquired_at >= arrivals.came_at, false) as enquires
    from arrivals
    left join first_orders on arrivals.person_id = first_orders.person_id
    left join first_enquiries on arrivals.visitor = first_enquiries.visitor
),

answered as (
    select
        'web_bounce' as reading,
        is_bounce as yes,
        *
    from judged
    where place = 'web'
    union all
    select
        'web_to_lead',
        enquires,
        *
    from judged
    where place = 'web' and not bought_before and not enquired_before
    union all
    select
        'web_to_customer',
        buys,
        *
    from judged
    where place = 'web' and not bought_before
    union all
    select
        'store_to_purchase',
        has_purchase,
        *
    from judged
    where place = 'store'
    union all
    select
        'store_to_customer',
        buys,
        *
    from judged
    where place = 'store' and not bought_before
    union all
    select
        'visitor_never_bought',
        not buys,
        *
    from judged
    where place = 'any' and not bought_before
)

select
    reading,
    month,
    'total' as dimension,
    'total' as member,
    sum(yes::int) as numerator,
    count(*) as denominator
from answered
group by all
union all
select
    reading,
    month,
    'channel',
    channel,
    sum(yes::int),
    count(*)
from answered
group by all

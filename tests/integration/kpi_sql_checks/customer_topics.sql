-- kpi_customer_topics of known customers: person, topic, product, tickets, complaints, first and last day.
select
    person_id,
    topic,
    product,
    count(*) as tickets,
    count(*) filter (where is_complaint) as complaints,
    min(created_at)::date as first_day,
    max(created_at)::date as last_day
from served
where not is_outbound and person_id is not null
group by all

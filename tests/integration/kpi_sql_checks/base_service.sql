-- The service desk with its meaning, on top of base.sql and the tables holidays, business_hours and sla_targets of the test.

create view ticket_states as
select
    json_extract_string(record, '$.id') as ticket_id,
    json_extract_string(record, '$.priority') as priority,
    crm_moment(json_extract_string(record, '$.updated_at')) as stated_at
from zendesk_tickets;

create view ticket_details as
select
    json_extract_string(record, '$.id') as ticket_id,
    json_extract_string(record, '$.type') = 'problem' as is_complaint,
    coalesce(json_extract_string(record, '$.custom_fields.product_sku'), 'unknown') as product,
    json_extract_string(record, '$.priority') as priority
from zendesk_tickets
qualify
    row_number() over (
        partition by json_extract_string(record, '$.id')
        order by crm_moment(json_extract_string(record, '$.updated_at')) desc, file desc
    ) = 1;

-- Tickets that count, with what was answered and when they were resolved.
create table served as
with counted as (
    select
        tickets.*,
        ticket_details.is_complaint,
        ticket_details.product,
        ticket_details.priority,
        (select min(sent_at) from agent_replies where agent_replies.ticket_id = tickets.ticket_id) as first_reply_at,
        (select count(*) from agent_replies where agent_replies.ticket_id = tickets.ticket_id) as replies,
        (
            select count(*) from agent_replies
            where agent_replies.ticket_id = tickets.ticket_id and agent_replies.sent_at > tickets.first_solved_at
        ) as replies_after
    from tickets
    inner join ticket_details using (ticket_id)
    where tickets.merged_into is null and not tickets.is_noise and tickets.status <> 'deleted'
)

select
    *,
    case
        when first_solved_at is null then null
        when replies_after = 0 then first_solved_at
        when status in ('solved', 'closed') then solved_at
    end as resolved_at
from counted;

create view run_end as
select as_of + interval 1 day as moment from run;

-- Opening hours day by day; the zone's own rules say what 08:00 in Berlin is in UTC.
create view openings as
select
    cast(timezone('UTC', timezone('Europe/Berlin', days.day::date + cast(business_hours.opens_at as time))) as timestamp) as opens,
    cast(timezone('UTC', timezone('Europe/Berlin', days.day::date + cast(business_hours.closes_at as time))) as timestamp) as closes
from (select unnest(generate_series(date '2022-12-01', (select as_of + interval 9 day from run), interval 1 day)) as day) as days
inner join business_hours on business_hours.calendar = 'service' and isodow(days.day) = business_hours.weekday_iso
where cast(days.day as date) not in (select holiday from holidays);

-- How long each ticket waited for what: the hours of every opening that lie between start and end, one by one.
create table waits as
with awaited as (
    select
        'first_response' as reading,
        ticket_id,
        first_reply_at as happened_at
    from served
    where not is_outbound and not is_auto_closed and not (resolved_at is not null and replies = 0)
    union all
    select
        'resolution' as reading,
        ticket_id,
        resolved_at as happened_at
    from served
    where not is_auto_closed and not (resolved_at is not null and replies = 0)
),

ended as (
    select
        awaited.*,
        served.* exclude (ticket_id),
        coalesce(awaited.happened_at, (select moment from run_end)) as ended_at
    from awaited
    inner join served using (ticket_id)
)

select
    ended.* exclude (priority),
    date_diff('second', created_at, ended_at) / 3600 as calendar_hours,
    (
        select coalesce(sum(date_diff('second', greatest(opens, ended.created_at), least(closes, ended.ended_at))), 0) / 3600
        from openings
        where openings.closes > ended.created_at and openings.opens < ended.ended_at
    ) as business_hours,
    case
        when happened_at is null then ended.priority
        else coalesce(
            (
                select arg_max(ticket_states.priority, stated_at) from ticket_states
                where ticket_states.ticket_id = ended.ticket_id and stated_at <= ended.happened_at
            ),
            (
                select arg_min(ticket_states.priority, stated_at) from ticket_states
                where ticket_states.ticket_id = ended.ticket_id
            )
        )
    end as priority
from ended;

-- A complaint, or an order (once, and once for each product in it), in its month.
create view complaint_events as
with complaints as (
    select
        month_of(created_at) as month,
        product
    from served
    where is_complaint and not is_outbound
)

select
    'per_order' as reading,
    month_of(min(ordered_at)) as month,
    null as product,
    0 as complaints,
    1 as orders
from sold_lines
group by source_system, order_id
union all
select
    'per_product_order' as reading,
    month_of(min(ordered_at)) as month,
    product_id as product,
    0 as complaints,
    1 as orders
from sold_lines
group by source_system, order_id, product_id
union all
select
    reading,
    month,
    case when reading = 'per_product_order' then product end as product,
    1 as complaints,
    0 as orders
from complaints
cross join (values ('per_order'), ('per_product_order')) as readings (reading);

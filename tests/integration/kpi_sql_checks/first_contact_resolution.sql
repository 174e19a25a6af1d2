-- kpi_first_contact_resolution_monthly (window 7 days, and 1, 3, 14 and 30): reading, month, dimension, member, numerator, denominator.
with solved as (
    select
        tickets.*,
        (select count(*) from agent_replies where agent_replies.ticket_id = tickets.ticket_id) as replies,
        (
            select count(*) from agent_replies
            where agent_replies.ticket_id = tickets.ticket_id and agent_replies.sent_at > tickets.first_solved_at
        ) as replies_after
    from tickets
    where tickets.merged_into is null and not tickets.is_noise and tickets.status <> 'deleted' and tickets.first_solved_at is not null
),

resolved as (
    select
        *,
        case when replies_after > 0 then solved_at else first_solved_at end as resolved_at,
        replies = 1 and replies_after = 0 as is_one_touch
    from solved
    where not is_auto_closed and replies > 0 and (status in ('solved', 'closed') or replies_after = 0)
),

windows as (
    select *
    from (values ('fcr', 7), ('fcr_1d', 1), ('fcr_3d', 3), ('fcr_14d', 14), ('fcr_30d', 30)) as given (reading, days)
),

judged as (
    select
        resolved.*,
        windows.reading,
        resolved.is_one_touch
        and not exists (
            from tickets as next_ticket
            where
                next_ticket.person_id = resolved.person_id
                and next_ticket.topic = resolved.topic
                and next_ticket.ticket_id <> resolved.ticket_id
                and next_ticket.merged_into is null
                and not next_ticket.is_noise
                and not next_ticket.is_outbound
                and next_ticket.status <> 'deleted'
                and next_ticket.created_at > resolved.resolved_at
                and next_ticket.created_at <= resolved.resolved_at + to_days(windows.days)
        ) as is_fcr
    from resolved
    cross join windows
),

cut as (
    select
        'total' as dimension,
        'total' as member,
        *
    from judged
    union all
    select
        'team' as dimension,
        team as member,
        *
    from judged
)

select
    'one_touch' as reading,
    month_of(resolved_at) as month,
    dimension,
    member,
    sum(is_one_touch::int) as numerator,
    count(*) as denominator
from cut
where reading = 'fcr'
group by all
union all
select
    reading,
    month_of(resolved_at) as month,
    dimension,
    member,
    sum(is_fcr::int) as numerator,
    count(*) as denominator
from cut
group by all

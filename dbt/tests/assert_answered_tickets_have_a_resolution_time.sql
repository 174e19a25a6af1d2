{#- Tickets that first-contact resolution counts as answered and resolved, but the resolution times do not, or the other way round. -#}

with resolved_tickets as (

    select kpi_resolved_tickets.*
    from {{ ref('kpi_resolved_tickets') }} as kpi_resolved_tickets
    inner join {{ ref('fct_tickets') }} as tickets on kpi_resolved_tickets.ticket_key = tickets.ticket_key
    -- Solved before it was opened has no time.
    where kpi_resolved_tickets.is_answered and tickets.resolved_at >= tickets.created_at

),

resolution_times as (

    select * from {{ ref('kpi_service_times') }}
    where reading = 'resolution' and not is_censored

)

select
    resolved_tickets.ticket_key as answered_ticket_key,
    resolution_times.ticket_key as timed_ticket_key
from resolved_tickets
full outer join resolution_times on resolved_tickets.ticket_key = resolution_times.ticket_key
where resolved_tickets.ticket_key is null or resolution_times.ticket_key is null

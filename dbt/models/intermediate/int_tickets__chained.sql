{#- Grain: one row per ticket that was merged, with the ticket that survives it. -#}

with tickets as (

    select * from {{ ref('stg_tickets') }}

),

-- A ticket merged into one that was never delivered, or into itself, survives as it is.
step_0 as (

    select
        tickets.ticket_key,
        coalesce(survivors.ticket_key, tickets.ticket_key) as surviving_ticket_key
    from tickets
    left join tickets as survivors on tickets.merged_into_key = survivors.ticket_key
    where tickets.merged_into_key is not null

),

-- Following the pointer of the pointer doubles the reach: chains of eight merges are followed to their end.
{% for step in range(1, 4) -%}
step_{{ step }} as (

    select
        tickets_now.ticket_key,
        coalesce(tickets_next.surviving_ticket_key, tickets_now.surviving_ticket_key) as surviving_ticket_key
    from step_{{ step - 1 }} as tickets_now
    left join step_{{ step - 1 }} as tickets_next on tickets_now.surviving_ticket_key = tickets_next.ticket_key

),

{% endfor -%}
final as (

    select
        ticket_key,
        surviving_ticket_key
    from step_3

)

select * from final

{#- Grain: one row per ticket, with the ticket that survives it. -#}

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

),

-- Following the pointer of the pointer doubles the reach: chains of eight merges are followed to their end.
{% for step in range(1, 4) -%}
step_{{ step }} as (

    select
        tickets_now.ticket_key,
        tickets_next.surviving_ticket_key
    from step_{{ step - 1 }} as tickets_now
    inner join step_{{ step - 1 }} as tickets_next on tickets_now.surviving_ticket_key = tickets_next.ticket_key

),

{% endfor -%}
final as (

    select
        tickets.ticket_key,
        step_3.surviving_ticket_key,
        tickets.merged_into_key is not null and tickets.merged_into_key <> tickets.ticket_key as is_merged
    from tickets
    inner join step_3 on tickets.ticket_key = step_3.ticket_key

)

select * from final

{#- Grain: one row per ticket, with the ticket that survives it. -#}

with tickets as (

    select * from {{ ref('stg_tickets') }}

),

chained as (

    select * from {{ ref('int_tickets__chained') }}

),

final as (

    select
        tickets.ticket_key,
        coalesce(chained.surviving_ticket_key, tickets.ticket_key) as surviving_ticket_key,
        tickets.merged_into_key is not null and tickets.merged_into_key <> tickets.ticket_key as is_merged
    from tickets
    left join chained on tickets.ticket_key = chained.ticket_key

)

select * from final

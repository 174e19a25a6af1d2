{#- Grain: one row per message, at the surviving ticket. -#}

with ticket_messages as (

    select * from {{ ref('stg_ticket_messages') }}

),

tickets as (

    select * from {{ ref('stg_tickets') }}

),

merged as (

    select * from {{ ref('int_tickets__merged') }}

),

resolved as (

    select * from {{ ref('int_identifiers__resolved') }}

),

employees as (

    select * from {{ ref('dim_employees') }}

),

surviving as (

    select
        merged.ticket_key,
        merged.surviving_ticket_key,
        tickets.is_outbound,
        resolved.customer_key
    from merged
    inner join tickets on merged.ticket_key = tickets.ticket_key
    inner join tickets as surviving_tickets on merged.surviving_ticket_key = surviving_tickets.ticket_key
    inner join resolved on surviving_tickets.identity_key = resolved.identity_key

),

numbered as (

    select
        ticket_messages.*,
        coalesce(surviving.surviving_ticket_key, ticket_messages.ticket_key) as surviving_ticket_key,
        coalesce(surviving.customer_key, 'unknown') as customer_key,
        coalesce(surviving.is_outbound, false) as is_outbound,
        ticket_messages.author_type = 'agent' and ticket_messages.is_public and not ticket_messages.is_deleted as is_public_agent_message,
        row_number() over (
            partition by coalesce(surviving.surviving_ticket_key, ticket_messages.ticket_key)
            order by ticket_messages.sent_at, ticket_messages.source_system, ticket_messages.message_id
        ) as message_number,
        -- Within the ticket it was written in: only the message that opened a proactive ticket is no touch.
        row_number() over (
            partition by
                ticket_messages.ticket_key,
                ticket_messages.author_type = 'agent' and ticket_messages.is_public and not ticket_messages.is_deleted
            order by ticket_messages.sent_at, ticket_messages.message_id
        ) as number_of_its_kind
    from ticket_messages
    left join surviving on ticket_messages.ticket_key = surviving.ticket_key

),

final as (

    select
        numbered.message_key,
        numbered.surviving_ticket_key as ticket_key,
        numbered.ticket_key as original_ticket_key,
        numbered.customer_key,
        coalesce(employees.employee_key, 'unknown') as employee_key,
        numbered.author_type,
        numbered.is_public,
        numbered.is_public_agent_message and not (numbered.is_outbound and numbered.number_of_its_kind = 1) as is_touch,
        numbered.message_number,
        numbered.sent_at,
        cast(numbered.sent_at as date) as message_date,
        numbered.is_deleted
    from numbered
    left join employees on {{ surrogate_key(['numbered.author_employee_id']) }} = employees.employee_key

)

select * from final

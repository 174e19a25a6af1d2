{#- Grain: one row per message of a source system. -#}

with current_ticket_messages as (

    {{ current_rows('ticket_messages', key=['message_id']) }}

),

final as (

    select
        {{ surrogate_key(['source_system', 'message_id']) }} as message_key,
        {{ surrogate_key(['source_system', 'ticket_id']) }} as ticket_key,
        source_system,
        message_id,
        ticket_id,
        author_type,
        author_employee_id,
        is_public,
        lower(trim(channel)) as channel,
        sent_at,
        missing_since_date is not null as is_deleted,
        missing_since_date as deleted_date,
        _batch_id,
        _line
    from current_ticket_messages

)

select * from final

{#- Grain: one row per ticket of a source system and batch date on which its priority changed, was deleted or came back. -#}

with states as (

    {{ row_history('tickets', key=['ticket_id'], content=['priority'], updated_at='updated_at') }}

),

final as (

    select
        {{ surrogate_key(['source_system', 'ticket_id', 'valid_from']) }} as ticket_version_key,
        {{ surrogate_key(['source_system', 'ticket_id']) }} as ticket_key,
        source_system,
        ticket_id,
        valid_from,
        coalesce(next_valid_from, date '9999-12-31') as valid_to,
        next_valid_from is null as is_current,
        priority,
        is_missing as is_deleted,
        -- Without a time of change the state is that at the end of the day of its batch.
        coalesce(updated_at, cast({{ date_plus('valid_from', 1) }} as timestamp)) as changed_at,
        updated_at,
        _batch_id,
        _line
    from states

)

select * from final

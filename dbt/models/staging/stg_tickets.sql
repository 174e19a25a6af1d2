{#- Grain: one row per ticket of a source system. -#}

with current_tickets as (

    {{ current_rows('tickets', key=['ticket_id'], updated_at='updated_at') }}

),

final as (

    select
        {{ surrogate_key(['source_system', 'ticket_id']) }} as ticket_key,
        {{ surrogate_key([
            'source_system', 'account_id', 'shared_id', normalised_email('requester_email'), 'null',
        ]) }} as identity_key,
        source_system,
        ticket_id,
        account_id,
        shared_id,
        {{ normalised_email('requester_email') }} as email,
        lower(trim(topic)) as topic,
        ticket_type,
        product_id,
        order_id,
        lower(trim(channel)) as channel,
        priority,
        ticket_status,
        team,
        assignee_employee_id,
        coalesce(is_spam, false) as is_spam,
        coalesce(is_test, false) as is_test,
        coalesce(is_outbound, false) as is_outbound,
        coalesce(is_auto_closed, false) as is_auto_closed,
        case
            when merged_into_id is not null then {{ surrogate_key(['source_system', 'merged_into_id']) }}
        end as merged_into_key,
        coalesce(reopen_count, 0) as reopen_count,
        created_at,
        first_solved_at,
        solved_at,
        satisfaction,
        updated_at,
        ticket_status = 'deleted' or missing_since_date is not null as is_deleted,
        coalesce(
            missing_since_date,
            case when ticket_status = 'deleted' then coalesce(cast(updated_at as date), _batch_date) end
        ) as deleted_date,
        _batch_id,
        _line
    from current_tickets

)

select * from final

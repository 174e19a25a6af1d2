{#- Grain: one row per ticket: what was answered and when it counts as resolved. -#}

with tickets as (

    select * from {{ ref('stg_tickets') }}

),

merged as (

    select * from {{ ref('int_tickets__merged') }}

),

ticket_messages as (

    select * from {{ ref('fct_ticket_messages') }}

),

solved as (

    select
        ticket_key,
        created_at,
        ticket_status,
        reopen_count,
        coalesce(first_solved_at, solved_at) as first_solved_at,
        solved_at,
        -- Reopened, but the source does not say when it was solved first: thanks and trouble cannot be told apart.
        first_solved_at is null and reopen_count > 0 as is_first_solving_unknown
    from tickets

),

counted as (

    select
        solved.ticket_key,
        count(*) filter (where ticket_messages.is_touch) as public_agent_reply_count,
        count(*) filter (
            where ticket_messages.author_type = 'agent' and not ticket_messages.is_public and not ticket_messages.is_deleted
        ) as internal_note_count,
        count(*) filter (where ticket_messages.is_touch and ticket_messages.sent_at > solved.first_solved_at)
            as reply_count_after_first_solve,
        min(ticket_messages.sent_at) filter (where ticket_messages.is_touch) as first_response_at
    from solved
    left join ticket_messages on solved.ticket_key = ticket_messages.ticket_key
    group by solved.ticket_key

),

judged as (

    select
        solved.*,
        counted.public_agent_reply_count,
        counted.internal_note_count,
        counted.reply_count_after_first_solve,
        counted.first_response_at,
        counted.reply_count_after_first_solve > 0 or solved.is_first_solving_unknown as is_reopened,
        -- An open ticket that was solved before and only got thanks since is still resolved.
        solved.ticket_status in ('solved', 'closed')
        or (
            solved.first_solved_at is not null
            and counted.reply_count_after_first_solve = 0
            and not solved.is_first_solving_unknown
            and solved.ticket_status <> 'deleted'
        ) as is_resolved
    from solved
    inner join counted on solved.ticket_key = counted.ticket_key

),

final as (

    select
        judged.ticket_key,
        merged.surviving_ticket_key,
        merged.is_merged,
        judged.first_response_at,
        judged.first_solved_at,
        judged.solved_at,
        case
            when not judged.is_resolved then null
            when judged.is_reopened then judged.solved_at
            else judged.first_solved_at
        end as resolved_at,
        judged.public_agent_reply_count,
        judged.internal_note_count,
        judged.reply_count_after_first_solve,
        judged.public_agent_reply_count = 0 as is_zero_reply,
        judged.is_resolved,
        judged.is_reopened,
        judged.is_resolved and judged.public_agent_reply_count = 1 and not judged.is_reopened as is_one_touch
    from judged
    inner join merged on judged.ticket_key = merged.ticket_key

)

select * from final

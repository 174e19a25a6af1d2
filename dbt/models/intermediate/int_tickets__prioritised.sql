{#- Grain: one row per ticket, with the priority it had at its first response and at its resolution. -#}

with versions as (

    select * from {{ ref('stg_tickets_history') }}
    where not is_deleted

),

resolutions as (

    select * from {{ ref('int_tickets__resolved') }}

),

-- A priority holds from the change with which it was seen first until the next one; the first, since the ticket was opened.
held as (

    select
        ticket_key,
        coalesce(priority, 'unknown') as priority,
        changed_at,
        row_number() over (partition by ticket_key order by changed_at, valid_from) as version_number,
        lead(changed_at) over (partition by ticket_key order by changed_at, valid_from) as next_changed_at
    from versions

),

final as (

    select
        resolutions.ticket_key,
        max(held.priority) filter (
            where
            resolutions.first_response_at is not null
            and (held.version_number = 1 or held.changed_at <= resolutions.first_response_at)
            and (held.next_changed_at is null or held.next_changed_at > resolutions.first_response_at)
        ) as first_response_priority,
        max(held.priority) filter (
            where
            resolutions.resolved_at is not null
            and (held.version_number = 1 or held.changed_at <= resolutions.resolved_at)
            and (held.next_changed_at is null or held.next_changed_at > resolutions.resolved_at)
        ) as resolution_priority
    from resolutions
    left join held on resolutions.ticket_key = held.ticket_key
    group by resolutions.ticket_key

)

select * from final

{#- Grain: one row per ticket, with its customer and the next ticket of customer and topic. -#}

with tickets as (

    select * from {{ ref('stg_tickets') }}

),

resolutions as (

    select * from {{ ref('int_tickets__resolved') }}

),

resolved as (

    select * from {{ ref('int_identifiers__resolved') }}

),

customers as (

    select * from {{ ref('dim_customers') }}
    where is_current

),

described as (

    select
        tickets.ticket_key,
        customers.customer_key,
        customers.customer_segment,
        tickets.topic,
        tickets.created_at,
        tickets.is_outbound,
        resolutions.resolved_at,
        tickets.is_test or customers.is_test as is_test,
        not tickets.is_spam
        and not tickets.is_test
        and not customers.is_test
        and not resolutions.is_merged
        and not tickets.is_deleted as is_countable
    from tickets
    inner join resolutions on tickets.ticket_key = resolutions.ticket_key
    inner join resolved on tickets.identity_key = resolved.identity_key
    inner join customers on resolved.customer_key = customers.customer_key

),

-- What happened with one customer and topic, in order: creations (of tickets the customer opened) and resolutions.
events as (

    select
        ticket_key,
        customer_key,
        topic,
        created_at as event_at,
        0 as is_resolution,
        created_at
    from described
    where is_countable and not is_outbound and customer_key <> 'unknown' and topic is not null
    union all
    select
        ticket_key,
        customer_key,
        topic,
        resolved_at as event_at,
        1 as is_resolution,
        null as created_at
    from described
    where resolved_at is not null and customer_key <> 'unknown' and topic is not null

),

followed as (

    select
        ticket_key,
        is_resolution,
        min(created_at) over (
            partition by customer_key, topic
            order by event_at, is_resolution, ticket_key
            rows between 1 following and unbounded following
        ) as next_ticket_created_at
    from events

),

final as (

    select
        described.ticket_key,
        described.customer_key,
        described.customer_segment,
        described.is_test,
        described.is_countable,
        followed.next_ticket_created_at
    from described
    left join followed
        on
            described.ticket_key = followed.ticket_key
            and followed.is_resolution = 1

)

select * from final

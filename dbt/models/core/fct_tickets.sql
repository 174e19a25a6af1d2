{#- Grain: one row per ticket. -#}

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

products as (

    select * from {{ ref('dim_products') }}

),

employees as (

    select * from {{ ref('dim_employees') }}

),

channels as (

    select * from {{ ref('dim_channels') }}

),

described as (

    select
        tickets.*,
        customers.customer_key,
        customers.customer_segment,
        tickets.is_test or customers.is_test as is_test_ticket,
        resolutions.is_merged,
        resolutions.resolved_at,
        not (tickets.is_spam or tickets.is_test or customers.is_test or resolutions.is_merged or tickets.is_deleted) as is_countable
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

next_tickets as (

    select
        ticket_key,
        next_ticket_created_at
    from followed
    where is_resolution = 1

),

final as (

    select
        described.ticket_key,
        described.ticket_id,
        described.source_system,
        resolutions.surviving_ticket_key,
        described.customer_key,
        coalesce(products.product_key, 'unknown') as product_key,
        coalesce(employees.employee_key, 'unknown') as employee_key,
        coalesce(described.team, employees.team, 'unknown') as team,
        coalesce(described.topic, 'unknown') as topic,
        coalesce(described.ticket_type, 'unknown') as ticket_type,
        coalesce(described.channel, 'unknown') as channel,
        coalesce(channels.channel_key, 'unknown') as channel_key,
        coalesce(described.priority, 'unknown') as priority,
        described.ticket_status,
        described.customer_segment,
        described.created_at,
        cast(described.created_at as date) as created_date,
        resolutions.first_response_at,
        resolutions.first_solved_at,
        resolutions.solved_at,
        resolutions.resolved_at,
        cast(resolutions.resolved_at as date) as resolved_date,
        described.reopen_count,
        resolutions.public_agent_reply_count,
        resolutions.internal_note_count,
        resolutions.reply_count_after_first_solve,
        described.is_spam,
        described.is_test_ticket as is_test,
        described.is_merged,
        described.is_deleted,
        described.is_outbound,
        described.is_auto_closed,
        resolutions.is_zero_reply,
        resolutions.is_resolved,
        resolutions.is_reopened,
        described.is_countable,
        resolutions.is_one_touch,
        next_tickets.next_ticket_created_at
    from described
    inner join resolutions on described.ticket_key = resolutions.ticket_key
    left join next_tickets on described.ticket_key = next_tickets.ticket_key
    left join products on {{ surrogate_key(['described.product_id']) }} = products.product_key
    left join employees on {{ surrogate_key(['described.assignee_employee_id']) }} = employees.employee_key
    left join channels on described.channel = channels.channel

)

select * from final

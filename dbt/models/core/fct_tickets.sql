{#- Grain: one row per ticket. -#}

with tickets as (

    select * from {{ ref('stg_tickets') }}

),

followed as (

    select * from {{ ref('int_tickets__followed') }}

),

resolutions as (

    select * from {{ ref('int_tickets__resolved') }}

),

prioritised as (

    select * from {{ ref('int_tickets__prioritised') }}

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

final as (

    select
        tickets.ticket_key,
        tickets.ticket_id,
        tickets.source_system,
        resolutions.surviving_ticket_key,
        followed.customer_key,
        coalesce(products.product_key, 'unknown') as product_key,
        coalesce(employees.employee_key, 'unknown') as employee_key,
        coalesce(tickets.team, employees.team, 'unknown') as team,
        coalesce(tickets.topic, 'unknown') as topic,
        coalesce(tickets.ticket_type, 'unknown') as ticket_type,
        coalesce(tickets.channel, 'unknown') as channel,
        coalesce(channels.channel_key, 'unknown') as channel_key,
        coalesce(tickets.priority, 'unknown') as priority,
        prioritised.first_response_priority,
        prioritised.resolution_priority,
        tickets.ticket_status,
        followed.customer_segment,
        tickets.created_at,
        cast(tickets.created_at as date) as created_date,
        resolutions.first_response_at,
        resolutions.first_solved_at,
        resolutions.solved_at,
        resolutions.resolved_at,
        cast(resolutions.resolved_at as date) as resolved_date,
        tickets.reopen_count,
        resolutions.public_agent_reply_count,
        resolutions.internal_note_count,
        resolutions.reply_count_after_first_solve,
        tickets.is_spam,
        followed.is_test,
        resolutions.is_merged,
        tickets.is_deleted,
        tickets.is_outbound,
        tickets.is_auto_closed,
        resolutions.is_zero_reply,
        resolutions.is_resolved,
        resolutions.is_reopened,
        followed.is_countable,
        resolutions.is_one_touch,
        followed.next_ticket_created_at
    from tickets
    inner join followed on tickets.ticket_key = followed.ticket_key
    inner join resolutions on tickets.ticket_key = resolutions.ticket_key
    inner join prioritised on tickets.ticket_key = prioritised.ticket_key
    left join products on {{ surrogate_key(['tickets.product_id']) }} = products.product_key
    left join employees on {{ surrogate_key(['tickets.assignee_employee_id']) }} = employees.employee_key
    left join channels on tickets.channel = channels.channel

)

select * from final

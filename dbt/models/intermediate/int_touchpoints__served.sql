{#- Grain: one row per ticket, ticket message and answered survey. -#}
{{ config(materialized='view') }}

with tickets as (

    select * from {{ ref('fct_tickets') }}
    where is_countable

),

ticket_messages as (

    select * from {{ ref('fct_ticket_messages') }}
    where not is_deleted and author_type <> 'system'

),

survey_responses as (

    select * from {{ ref('fct_survey_responses') }}
    where is_answered and not is_deleted and answered_at is not null

),

final as (

    select
        tickets.customer_key,
        tickets.created_at as occurred_at,
        tickets.channel,
        'ticket' as touch_type,
        case when tickets.is_outbound then 'outbound' else 'inbound' end as direction,
        tickets.topic as subject,
        null as amount,
        'unknown' as campaign_key,
        tickets.employee_key,
        'tickets' as source_feed,
        tickets.ticket_key as source_key
    from tickets
    union all
    select
        tickets.customer_key,
        ticket_messages.sent_at as occurred_at,
        tickets.channel,
        'ticket_message' as touch_type,
        case
            when ticket_messages.author_type = 'customer' then 'inbound'
            when ticket_messages.is_public then 'outbound'
            else 'internal'
        end as direction,
        tickets.topic as subject,
        null as amount,
        'unknown' as campaign_key,
        ticket_messages.employee_key,
        'ticket_messages' as source_feed,
        ticket_messages.message_key as source_key
    from ticket_messages
    inner join tickets on ticket_messages.ticket_key = tickets.ticket_key
    union all
    select
        survey_responses.customer_key,
        survey_responses.answered_at as occurred_at,
        'unknown' as channel,
        'survey' as touch_type,
        'inbound' as direction,
        survey_responses.instrument as subject,
        null as amount,
        'unknown' as campaign_key,
        'unknown' as employee_key,
        'survey_responses' as source_feed,
        survey_responses.response_key as source_key
    from survey_responses

)

select * from final

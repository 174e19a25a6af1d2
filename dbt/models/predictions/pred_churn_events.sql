{#- Grain: one row per customer, day and kind of event that may tell who is about to leave. -#}

with order_lines as (

    select * from {{ ref('fct_order_lines') }}
    where is_countable

),

returns as (

    select * from {{ ref('fct_returns') }}
    where is_countable

),

tickets as (

    select * from {{ ref('fct_tickets') }}
    where is_countable and not is_outbound

),

survey_responses as (

    select * from {{ ref('fct_survey_responses') }}
    where is_answered and not is_deleted

),

campaign_contacts as (

    select * from {{ ref('fct_campaign_contacts') }}
    where not is_control and not is_deleted

),

campaign_responses as (

    select * from {{ ref('fct_campaign_responses') }}
    where not is_bot and not is_deleted

),

consents as (

    select * from {{ ref('fct_consents') }}
    where not is_deleted

),

-- Whose a session was that is known through another one only, was not known on its day.
web_sessions as (

    select * from {{ ref('fct_web_sessions') }}
    where not is_bot and not is_deleted and not is_stitched

),

events as (

    select customer_key, order_date as event_date, 'purchase' as event_type, order_key as event_id, net_amount as amount, null as score
    from order_lines
    union all
    select customer_key, return_date, 'return', return_key, refund_amount, null
    from returns
    union all
    select customer_key, created_date, 'ticket', ticket_key, null, null
    from tickets
    union all
    select customer_key, created_date, 'complaint', ticket_key, null, null
    from tickets
    where ticket_type = 'complaint'
    union all
    select customer_key, answered_date, 'answer', response_key, null, normalised_score
    from survey_responses
    union all
    select customer_key, contact_date, 'mailing', campaign_contact_key, null, null
    from campaign_contacts
    union all
    select customer_key, cast(first_response_at as date), 'reaction', campaign_contact_key, null, null
    from campaign_contacts
    union all
    select customer_key, response_date, 'unsubscription', response_key, null, null
    from campaign_responses
    where response_type = 'unsubscribe'
    union all
    select customer_key, recorded_date, 'unsubscription', consent_key, null, null
    from consents
    where purpose = 'marketing' and consent_status = 'withdrawn'
    union all
    select customer_key, session_date, 'visit', session_key, null, null
    from web_sessions

),

final as (

    select
        {{ surrogate_key(['customer_key', 'event_date', 'event_type']) }} as churn_event_key,
        customer_key,
        event_date,
        event_type,
        count(distinct event_id) as event_count,
        cast(coalesce(sum(amount), 0) as decimal(18, 2)) as amount,
        cast(min(score) as double) as lowest_score
    from events
    where customer_key <> 'unknown' and event_date is not null
    group by customer_key, event_date, event_type

)

select * from final

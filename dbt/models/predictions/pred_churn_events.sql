{#- Grain: one row per customer, day and kind of event that may tell who is about to leave. -#}

with order_lines as (

    select * from {{ ref('fct_order_lines') }}
    where is_countable

),

tickets as (

    select * from {{ ref('fct_tickets') }}
    where is_countable and not is_outbound

),

campaign_contacts as (

    select * from {{ ref('fct_campaign_contacts') }}
    where not is_control and not is_deleted

),

-- Whose a session was that is known through another one only, was not known on its day.
web_sessions as (

    select * from {{ ref('fct_web_sessions') }}
    where not is_bot and not is_deleted and not is_stitched

),

events as (

    select
        customer_key,
        order_date as event_date,
        'purchase' as event_type,
        order_key as event_id,
        net_amount as amount,
        null as score
    from order_lines
    union all
    select
        customer_key,
        return_date as event_date,
        'return' as event_type,
        return_key as event_id,
        refund_amount as amount,
        null as score
    from {{ ref('fct_returns') }}
    where is_countable
    union all
    select
        customer_key,
        created_date as event_date,
        'ticket' as event_type,
        ticket_key as event_id,
        null as amount,
        null as score
    from tickets
    union all
    select
        customer_key,
        created_date as event_date,
        'complaint' as event_type,
        ticket_key as event_id,
        null as amount,
        null as score
    from tickets
    where ticket_type = 'complaint'
    union all
    select
        customer_key,
        answered_date as event_date,
        'answer' as event_type,
        response_key as event_id,
        null as amount,
        normalised_score as score
    from {{ ref('fct_survey_responses') }}
    where normalised_score is not null and not is_deleted
    union all
    select
        customer_key,
        contact_date as event_date,
        'mailing' as event_type,
        campaign_contact_key as event_id,
        null as amount,
        null as score
    from campaign_contacts
    union all
    select
        customer_key,
        cast(first_response_at as date) as event_date,
        'reaction' as event_type,
        campaign_contact_key as event_id,
        null as amount,
        null as score
    from campaign_contacts
    union all
    select
        customer_key,
        response_date as event_date,
        'unsubscription' as event_type,
        response_key as event_id,
        null as amount,
        null as score
    from {{ ref('fct_campaign_responses') }}
    where not is_bot and not is_deleted and response_type = 'unsubscribe'
    union all
    select
        customer_key,
        recorded_date as event_date,
        'unsubscription' as event_type,
        consent_key as event_id,
        null as amount,
        null as score
    from {{ ref('fct_consents') }}
    where not is_deleted and purpose = 'marketing' and consent_status = 'withdrawn'
    union all
    select
        customer_key,
        session_date as event_date,
        'visit' as event_type,
        session_key as event_id,
        null as amount,
        null as score
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

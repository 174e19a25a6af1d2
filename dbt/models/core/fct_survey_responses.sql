{#- Grain: one row per answer or unanswered invitation. -#}

with survey_responses as (

    select * from {{ ref('stg_survey_responses') }}

),

resolved as (

    select * from {{ ref('int_identifiers__resolved') }}

),

tickets as (

    select * from {{ ref('fct_tickets') }}

),

customers as (

    select * from {{ ref('dim_customers') }}
    where is_current

),

-- A survey tool knows the number of a ticket, not the system it is in: a number that only one system uses is enough.
lone_tickets as (

    select
        ticket_id,
        max(ticket_key) as ticket_key
    from tickets
    group by ticket_id
    having count(*) = 1

),

linked as (

    select
        survey_responses.*,
        coalesce(own_tickets.ticket_key, lone_tickets.ticket_key) as asked_ticket_key
    from survey_responses
    left join tickets as own_tickets on survey_responses.ticket_key = own_tickets.ticket_key
    left join lone_tickets on survey_responses.ticket_id = lone_tickets.ticket_id

),

known as (

    select
        linked.*,
        coalesce(nullif(resolved.customer_key, 'unknown'), tickets.customer_key, 'unknown') as customer_key
    from linked
    left join resolved on linked.identity_key = resolved.identity_key
    left join tickets on linked.asked_ticket_key = tickets.ticket_key

),

-- A person is one respondent under all addresses; at a company, and where nobody is known, every address is one of its own.
spoken_for as (

    select
        known.*,
        case
            when customers.customer_type = 'person' then known.customer_key
            when known.email is not null then known.email
            when known.account_id is not null or known.shared_id is not null then known.identity_key
            else known.response_key
        end as respondent
    from known
    left join customers on known.customer_key = customers.customer_key

),

final as (

    select
        survey_responses.response_key,
        survey_responses.customer_key,
        -- The first response of a respondent stands for him: a key made of an address could be traced back to it.
        min(survey_responses.response_key) over (partition by survey_responses.respondent) as respondent_key,
        coalesce(survey_responses.asked_ticket_key, 'unknown') as ticket_key,
        survey_responses.instrument,
        survey_responses.scale_min,
        survey_responses.scale_max,
        survey_responses.scale_direction,
        survey_responses.score,
        {{ safe_ratio(
            "case when survey_responses.scale_direction = 'descending' then survey_responses.scale_max - survey_responses.score "
            ~ "else survey_responses.score - survey_responses.scale_min end",
            "survey_responses.scale_max - survey_responses.scale_min",
        ) }} as normalised_score,
        coalesce(survey_responses.occasion, 'unknown') as occasion,
        survey_responses.invited_at,
        survey_responses.answered_at,
        cast(survey_responses.answered_at as date) as answered_date,
        survey_responses.score is not null as is_answered,
        survey_responses.is_deleted
    from spoken_for as survey_responses

)

select * from final

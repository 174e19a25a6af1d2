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

final as (

    select
        survey_responses.response_key,
        coalesce(nullif(resolved.customer_key, 'unknown'), tickets.customer_key, 'unknown') as customer_key,
        coalesce(tickets.ticket_key, 'unknown') as ticket_key,
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
    from survey_responses
    left join resolved on survey_responses.identity_key = resolved.identity_key
    left join tickets on survey_responses.ticket_key = tickets.ticket_key

)

select * from final

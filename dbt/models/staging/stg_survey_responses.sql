{#- Grain: one row per answer or unanswered invitation of a source system. -#}

with current_survey_responses as (

    {{ current_rows('survey_responses', key=['response_id']) }}

),

final as (

    select
        {{ surrogate_key(['source_system', 'response_id']) }} as response_key,
        {{ surrogate_key([
            'source_system', 'account_id', 'shared_id', normalised_email('respondent_email'), 'null',
        ]) }} as identity_key,
        source_system,
        response_id,
        account_id,
        shared_id,
        {{ normalised_email('respondent_email') }} as email,
        instrument,
        scale_min,
        scale_max,
        scale_direction,
        score,
        lower(trim(occasion)) as occasion,
        case when ticket_id is not null then {{ surrogate_key(['source_system', 'ticket_id']) }} end as ticket_key,
        ticket_id,
        invited_at,
        answered_at,
        missing_since_date is not null as is_deleted,
        missing_since_date as deleted_date,
        _batch_id,
        _line
    from current_survey_responses

)

select * from final

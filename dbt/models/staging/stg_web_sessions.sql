{#- Grain: one row per web session of a source system. -#}

with current_web_sessions as (

    {{ current_rows('web_sessions', key=['session_id']) }}

),

final as (

    select
        {{ surrogate_key(['source_system', 'session_id']) }} as session_key,
        {{ surrogate_key(['source_system', 'account_id', 'null', normalised_email('email'), 'null']) }} as identity_key,
        source_system,
        session_id,
        case when visitor_id is not null then {{ surrogate_key(['source_system', 'visitor_id']) }} end as visitor_key,
        account_id,
        {{ normalised_email('email') }} as email,
        started_at,
        ended_at,
        page_views,
        lower(trim(channel)) as channel,
        campaign_id,
        product_id,
        coalesce(has_basket, false) as has_basket,
        coalesce(is_bot, false) as is_bot,
        missing_since_date is not null as is_deleted,
        missing_since_date as deleted_date,
        _batch_id,
        _line
    from current_web_sessions

)

select * from final

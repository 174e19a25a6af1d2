{#- Grain: one row per campaign of a source system. -#}

with current_campaigns as (

    {{ current_rows('campaigns', key=['campaign_id'], updated_at='updated_at') }}

),

final as (

    select
        {{ surrogate_key(['campaign_id']) }} as campaign_key,
        source_system,
        campaign_id,
        campaign_name,
        lower(trim(channel)) as channel,
        lower(trim(purpose)) as purpose,
        lower(trim(segment)) as segment,
        started_date,
        ended_date,
        budget_amount,
        upper(trim(currency_code)) as currency_code,
        updated_at,
        missing_since_date is not null as is_deleted,
        missing_since_date as deleted_date,
        _batch_id,
        _line
    from current_campaigns

)

select * from final

{#- Grain: one row per reaction on a social network. -#}

with current_social_engagements as (

    {{ current_rows('social_engagements', key=['engagement_id']) }}

),

final as (

    select
        {{ surrogate_key(['source_system', 'engagement_id']) }} as engagement_key,
        {{ surrogate_key(['source_system', 'account_id', 'null', normalised_email('email'), 'null']) }} as identity_key,
        source_system,
        engagement_id,
        lower(trim(network)) as network,
        handle,
        account_id,
        {{ normalised_email('email') }} as email,
        engagement_type,
        engaged_at,
        post_id,
        campaign_id,
        product_id,
        sentiment,
        rating,
        message,
        missing_since_date is not null as is_deleted,
        missing_since_date as deleted_date,
        _batch_id,
        _line
    from current_social_engagements

)

select * from final

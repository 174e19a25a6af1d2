{#- Grain: one row per campaign, channel and wave. -#}

with addressees as (

    select * from {{ ref('kpi_campaign_addressees') }}

),

counted as (

    select
        campaign_key,
        campaign,
        campaign_name,
        purpose,
        channel,
        wave,
        min(contact_date) as first_contact_date,
        count(*) as addressed_count,
        count(*) filter (where is_bounced) as bounced_count,
        count(*) filter (where not is_bounced) as delivered_count,
        case when bool_or(has_open_tracking) then count(*) filter (where is_opened) end as opened_count,
        case when bool_or(has_click_tracking) then count(*) filter (where is_clicked) end as clicked_count,
        count(*) filter (where is_responded) as responded_count,
        count(*) filter (where is_converted) as converted_count,
        count(*) filter (where is_unsubscribed) as unsubscribed_count,
        sum(cost_amount) as cost_amount
    from addressees
    group by campaign_key, campaign, campaign_name, purpose, channel, wave

),

final as (

    select
        {{ surrogate_key(['campaign_key', 'channel', 'wave']) }} as funnel_key,
        campaign_key,
        campaign,
        campaign_name,
        purpose,
        channel,
        wave,
        first_contact_date,
        addressed_count,
        bounced_count,
        delivered_count,
        opened_count,
        clicked_count,
        responded_count,
        converted_count,
        unsubscribed_count,
        {{ safe_ratio('opened_count', 'delivered_count') }} as open_rate,
        {{ safe_ratio('clicked_count', 'delivered_count') }} as click_rate,
        {{ safe_ratio('responded_count', 'addressed_count') }} as response_rate,
        {{ safe_ratio('converted_count', 'addressed_count') }} as conversion_rate,
        {{ safe_ratio('unsubscribed_count', 'addressed_count') }} as unsubscribe_rate,
        {{ safe_ratio('bounced_count', 'addressed_count') }} as bounce_rate,
        cast(cost_amount as decimal(18, 2)) as cost_amount
    from counted

)

select * from final

{#- Grain: one row per touchpoint of a known customer. -#}

with touchpoints as (

    select * from {{ ref('int_touchpoints__sold') }}
    union all
    select * from {{ ref('int_touchpoints__negotiated') }}
    union all
    select * from {{ ref('int_touchpoints__attracted') }}
    union all
    select * from {{ ref('int_touchpoints__visited') }}
    union all
    select * from {{ ref('int_touchpoints__served') }}
    union all
    select * from {{ ref('int_touchpoints__rewarded') }}

),

final as (

    select
        {{ surrogate_key(['touch_type', 'source_key']) }} as history_key,
        customer_key,
        occurred_at,
        coalesce(channel, 'unknown') as channel,
        touch_type,
        direction,
        subject,
        cast(amount as decimal(18, 2)) as amount,
        campaign_key,
        employee_key,
        source_feed,
        source_key
    from touchpoints
    where customer_key <> 'unknown'

)

select * from final

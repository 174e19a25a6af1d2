{#- Grain: one row per channel; plus the unknown member. -#}

with channels as (

    select * from {{ ref('channels') }}

),

final as (

    select
        {{ surrogate_key(['lower(trim(channel))']) }} as channel_key,
        lower(trim(channel)) as channel,
        channel_group,
        title
    from channels
    union all
    select
        'unknown' as channel_key,
        'unknown' as channel,
        'unknown' as channel_group,
        'Unknown' as title

)

select * from final

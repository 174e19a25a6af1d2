{#- Grain: one row per session. STUB -#}

select
    cast(null as string) as session_key,
    cast(null as string) as visitor_key,
    cast(null as string) as customer_key,
    cast(null as boolean) as is_stitched,
    cast(null as string) as channel_key,
    cast(null as string) as campaign_key,
    cast(null as string) as product_key,
    cast(null as timestamp) as started_at,
    cast(null as date) as session_date,
    cast(null as bigint) as page_views,
    cast(null as double) as duration_minutes,
    cast(null as boolean) as has_basket,
    cast(null as boolean) as is_bounce,
    cast(null as boolean) as is_bot
where 1 = 0

{#- Grain: one row per touchpoint. STUB -#}

select
    cast(null as string) as history_key,
    cast(null as string) as customer_key,
    cast(null as timestamp) as occurred_at,
    cast(null as string) as channel,
    cast(null as string) as touch_type,
    cast(null as string) as direction,
    cast(null as string) as subject,
    cast(null as decimal(18,2)) as amount,
    cast(null as string) as campaign_key,
    cast(null as string) as employee_key,
    cast(null as string) as source_feed,
    cast(null as string) as source_key
where 1 = 0

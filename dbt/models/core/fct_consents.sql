{#- Grain: one row per statement. STUB -#}

select
    cast(null as string) as consent_key,
    cast(null as string) as customer_key,
    cast(null as string) as purpose,
    cast(null as string) as channel,
    cast(null as string) as consent_status,
    cast(null as timestamp) as recorded_at,
    cast(null as date) as recorded_date,
    cast(null as string) as evidence,
    cast(null as string) as source_system
where 1 = 0

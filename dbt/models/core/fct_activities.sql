{#- Grain: one row per activity. STUB -#}

select
    cast(null as string) as activity_key,
    cast(null as string) as activity_id,
    cast(null as string) as source_system,
    cast(null as string) as activity_type,
    cast(null as string) as direction,
    cast(null as string) as customer_key,
    cast(null as string) as contact_key,
    cast(null as string) as lead_key,
    cast(null as string) as opportunity_key,
    cast(null as string) as employee_key,
    cast(null as timestamp) as occurred_at,
    cast(null as date) as activity_date,
    cast(null as double) as duration_minutes,
    cast(null as string) as outcome
where 1 = 0

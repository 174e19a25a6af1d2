{#- Grain: one row per answer or unanswered invitation. STUB -#}

select
    cast(null as string) as response_key,
    cast(null as string) as customer_key,
    cast(null as string) as ticket_key,
    cast(null as string) as instrument,
    cast(null as bigint) as scale_min,
    cast(null as bigint) as scale_max,
    cast(null as string) as scale_direction,
    cast(null as bigint) as score,
    cast(null as double) as normalised_score,
    cast(null as string) as occasion,
    cast(null as timestamp) as invited_at,
    cast(null as timestamp) as answered_at,
    cast(null as date) as answered_date,
    cast(null as boolean) as is_answered
where 1 = 0

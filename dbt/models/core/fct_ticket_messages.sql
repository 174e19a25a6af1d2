{#- Grain: one row per message. STUB -#}

select
    cast(null as string) as message_key,
    cast(null as string) as ticket_key,
    cast(null as string) as original_ticket_key,
    cast(null as string) as customer_key,
    cast(null as string) as employee_key,
    cast(null as string) as author_type,
    cast(null as boolean) as is_public,
    cast(null as boolean) as is_touch,
    cast(null as bigint) as message_number,
    cast(null as timestamp) as sent_at,
    cast(null as date) as message_date
where 1 = 0

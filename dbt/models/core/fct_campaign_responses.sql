{#- Grain: one row per reaction. STUB -#}

select
    cast(null as string) as response_key,
    cast(null as string) as campaign_contact_key,
    cast(null as string) as campaign_key,
    cast(null as string) as customer_key,
    cast(null as string) as response_type,
    cast(null as timestamp) as responded_at,
    cast(null as date) as response_date,
    cast(null as boolean) as is_bot
where 1 = 0

{#- Grain: one row per addressed person and wave. STUB -#}

select
    cast(null as string) as campaign_contact_key,
    cast(null as string) as campaign_key,
    cast(null as string) as customer_key,
    cast(null as string) as channel_key,
    cast(null as bigint) as wave,
    cast(null as string) as variant,
    cast(null as string) as argument,
    cast(null as boolean) as is_control,
    cast(null as timestamp) as contacted_at,
    cast(null as date) as contact_date,
    cast(null as decimal(18,2)) as cost_amount,
    cast(null as boolean) as is_opened,
    cast(null as boolean) as is_clicked,
    cast(null as boolean) as is_replied,
    cast(null as boolean) as is_converted,
    cast(null as boolean) as is_unsubscribed,
    cast(null as boolean) as is_bounced,
    cast(null as timestamp) as first_response_at
where 1 = 0

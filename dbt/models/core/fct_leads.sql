{#- Grain: one row per lead. STUB -#}

select
    cast(null as string) as lead_key,
    cast(null as string) as lead_id,
    cast(null as string) as source_system,
    cast(null as string) as customer_key,
    cast(null as timestamp) as created_at,
    cast(null as date) as created_date,
    cast(null as date) as month,
    cast(null as string) as lead_kind,
    cast(null as string) as lead_source,
    cast(null as string) as channel_key,
    cast(null as string) as customer_segment,
    cast(null as boolean) as is_qualified,
    cast(null as string) as employee_key,
    cast(null as string) as campaign_key,
    cast(null as boolean) as is_converted,
    cast(null as timestamp) as converted_at,
    cast(null as string) as opportunity_key,
    cast(null as boolean) as is_won_order,
    cast(null as date) as won_date,
    cast(null as boolean) as is_deleted
where 1 = 0

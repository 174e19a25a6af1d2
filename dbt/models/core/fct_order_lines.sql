{#- Grain: one row per order line. STUB -#}

select
    cast(null as string) as order_line_key,
    cast(null as string) as order_key,
    cast(null as string) as order_id,
    cast(null as string) as source_system,
    cast(null as bigint) as line_number,
    cast(null as string) as customer_key,
    cast(null as string) as product_key,
    cast(null as string) as employee_key,
    cast(null as string) as campaign_key,
    cast(null as string) as channel_key,
    cast(null as string) as opportunity_key,
    cast(null as timestamp) as ordered_at,
    cast(null as date) as order_date,
    cast(null as date) as month,
    cast(null as decimal(18,4)) as quantity,
    cast(null as decimal(18,2)) as net_amount,
    cast(null as decimal(18,2)) as cost_amount,
    cast(null as decimal(18,2)) as margin_amount,
    cast(null as decimal(18,2)) as discount_amount,
    cast(null as string) as order_status,
    cast(null as boolean) as is_cancelled,
    cast(null as boolean) as is_test,
    cast(null as boolean) as is_deleted,
    cast(null as boolean) as has_missing_rate,
    cast(null as boolean) as is_countable
where 1 = 0

{#- Grain: one row per contract. STUB -#}

select
    cast(null as string) as contract_key,
    cast(null as string) as contract_id,
    cast(null as string) as source_system,
    cast(null as string) as customer_key,
    cast(null as string) as product_key,
    cast(null as date) as started_date,
    cast(null as date) as ended_date,
    cast(null as decimal(18,2)) as monthly_amount,
    cast(null as decimal(18,2)) as monthly_cost_amount,
    cast(null as string) as contract_status,
    cast(null as date) as cancelled_date,
    cast(null as string) as cancel_reason,
    cast(null as boolean) as is_test,
    cast(null as boolean) as is_deleted,
    cast(null as boolean) as has_missing_rate,
    cast(null as boolean) as is_countable
where 1 = 0

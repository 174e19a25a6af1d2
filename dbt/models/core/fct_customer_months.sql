{#- Grain: one row per customer and month, from the first order or contract to the month of the run. STUB -#}

select
    cast(null as string) as customer_month_key,
    cast(null as string) as customer_key,
    cast(null as date) as month,
    cast(null as bigint) as order_count,
    cast(null as decimal(18,2)) as revenue_amount,
    cast(null as decimal(18,2)) as margin_amount,
    cast(null as decimal(18,2)) as refund_amount,
    cast(null as decimal(18,2)) as returned_cost_amount,
    cast(null as decimal(18,2)) as contract_amount,
    cast(null as decimal(18,2)) as contract_margin_amount,
    cast(null as bigint) as active_contract_count,
    cast(null as boolean) as is_active_contract_start,
    cast(null as bigint) as service_contact_count,
    cast(null as date) as last_order_date,
    cast(null as bigint) as days_since_last_order
where 1 = 0

{#- Grain: one row per return and order line; one row where no line is known. STUB -#}

select
    cast(null as string) as return_key,
    cast(null as string) as return_id,
    cast(null as string) as source_system,
    cast(null as string) as order_line_key,
    cast(null as string) as order_key,
    cast(null as string) as customer_key,
    cast(null as string) as product_key,
    cast(null as timestamp) as returned_at,
    cast(null as date) as return_date,
    cast(null as date) as month,
    cast(null as decimal(18,4)) as quantity,
    cast(null as decimal(18,2)) as refund_amount,
    cast(null as decimal(18,2)) as returned_cost_amount,
    cast(null as string) as return_reason,
    cast(null as boolean) as is_test,
    cast(null as boolean) as is_countable
where 1 = 0

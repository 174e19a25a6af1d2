{#- Grain: one row per customer, channel and reason. STUB -#}

select
    cast(null as string) as suppression_key,
    cast(null as string) as customer_key,
    cast(null as string) as channel,
    cast(null as string) as reason,
    cast(null as date) as since_date
where 1 = 0

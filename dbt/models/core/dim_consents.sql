{#- Grain: one row per customer, purpose and channel about which something was stated. STUB -#}

select
    cast(null as string) as consent_state_key,
    cast(null as string) as customer_key,
    cast(null as string) as purpose,
    cast(null as string) as channel,
    cast(null as boolean) as is_granted,
    cast(null as date) as since_date,
    cast(null as string) as evidence
where 1 = 0

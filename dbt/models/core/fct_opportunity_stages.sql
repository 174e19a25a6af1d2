{#- Grain: one row per opportunity and visit; changes of other fields within a stage make no new visit. STUB -#}

select
    cast(null as string) as opportunity_stage_key,
    cast(null as string) as opportunity_key,
    cast(null as string) as customer_key,
    cast(null as bigint) as visit_number,
    cast(null as string) as stage_name,
    cast(null as bigint) as stage_order,
    cast(null as timestamp) as entered_at,
    cast(null as timestamp) as left_at,
    cast(null as boolean) as is_current,
    cast(null as boolean) as is_closing,
    cast(null as boolean) as is_backward,
    cast(null as boolean) as is_reentry,
    cast(null as boolean) as is_skipping,
    cast(null as boolean) as is_after_close
where 1 = 0

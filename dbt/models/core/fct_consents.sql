{#- Grain: one row per statement. -#}

with consents as (

    select * from {{ ref('stg_consents') }}

),

resolved as (

    select * from {{ ref('int_identifiers__resolved') }}

),

final as (

    select
        consents.consent_key,
        coalesce(resolved.customer_key, 'unknown') as customer_key,
        consents.identity_key,
        consents.purpose,
        consents.channel,
        consents.consent_status,
        consents.recorded_at,
        cast(consents.recorded_at as date) as recorded_date,
        consents.evidence,
        consents.source_system,
        consents.is_deleted
    from consents
    left join resolved on consents.identity_key = resolved.identity_key

)

select * from final

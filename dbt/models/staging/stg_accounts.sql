{#- Grain: one row per account of a source system. -#}

with accounts_history as (

    select * from {{ ref('stg_accounts_history') }}

),

final as (

    select
        account_version_key,
        account_key,
        source_system,
        account_id,
        valid_from,
        first_batch_date,
        first_seen_date,
        shared_id,
        account_type,
        name,
        salutation,
        first_name,
        last_name,
        email,
        phone,
        birth_date,
        street,
        postal_code,
        city,
        company_match_name,
        region,
        country_code,
        industry,
        employee_count,
        customer_segment,
        owner_employee_id,
        acquisition_channel,
        preferred_channel,
        language,
        is_test,
        is_deleted,
        deleted_date,
        updated_at,
        _batch_id,
        _line
    from accounts_history
    where is_current

)

select * from final

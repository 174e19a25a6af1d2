{#- Grain: one row per contract of a source system. -#}

with current_contracts as (

    {{ current_rows('contracts', key=['contract_id'], updated_at='updated_at') }}

),

final as (

    select
        {{ surrogate_key(['source_system', 'contract_id']) }} as contract_key,
        {{ surrogate_key(['source_system', 'account_id', 'shared_id', 'null', 'null']) }} as identity_key,
        source_system,
        contract_id,
        account_id,
        shared_id,
        product_id,
        started_date,
        ended_date,
        monthly_amount,
        upper(trim(currency_code)) as currency_code,
        contract_status,
        cancelled_date,
        cancel_reason,
        updated_at,
        missing_since_date is not null as is_deleted,
        missing_since_date as deleted_date,
        _batch_id,
        _line
    from current_contracts

)

select * from final

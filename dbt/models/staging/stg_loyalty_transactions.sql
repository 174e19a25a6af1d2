{#- Grain: one row per movement on a member's account. -#}

with current_loyalty_transactions as (

    {{ current_rows('loyalty_transactions', key=['transaction_id']) }}

),

final as (

    select
        {{ surrogate_key(['source_system', 'transaction_id']) }} as loyalty_transaction_key,
        {{ surrogate_key(['source_system', 'account_id', 'shared_id', normalised_email('email'), 'null']) }} as identity_key,
        source_system,
        transaction_id,
        program_id,
        account_id,
        shared_id,
        {{ normalised_email('email') }} as email,
        transaction_type,
        points,
        redemption_amount,
        upper(trim(currency_code)) as currency_code,
        lower(trim(tier)) as tier,
        source_order_system,
        order_id,
        campaign_id,
        occurred_at,
        expires_on,
        missing_since_date is not null as is_deleted,
        missing_since_date as deleted_date,
        _batch_id,
        _line
    from current_loyalty_transactions

)

select * from final

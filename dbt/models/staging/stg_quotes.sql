{#- Grain: one row per version of a quote in a source system. -#}

with current_quotes as (

    {{ current_rows('quotes', key=['quote_id'], updated_at='updated_at') }}

),

final as (

    select
        {{ surrogate_key(['source_system', 'quote_id']) }} as quote_key,
        {{ surrogate_key(['source_system', 'account_id', 'shared_id', 'null', 'null']) }} as identity_key,
        source_system,
        quote_id,
        quote_number,
        quote_version,
        account_id,
        shared_id,
        opportunity_id,
        order_id,
        employee_id,
        quote_status,
        upper(trim(currency_code)) as currency_code,
        quoted_amount,
        discount_amount,
        issued_at,
        valid_until,
        decided_at,
        created_at,
        updated_at,
        coalesce(is_deleted, false) or missing_since_date is not null as is_deleted,
        missing_since_date as deleted_date,
        _batch_id,
        _line
    from current_quotes

)

select * from final

{#- Grain: one row per posting of a cost ledger. -#}

with current_cost_entries as (

    {{ current_rows('cost_entries', key=['entry_id'], updated_at='updated_at') }}

),

final as (

    select
        {{ surrogate_key(['source_system', 'entry_id']) }} as cost_key,
        {{ surrogate_key(['source_system', 'account_id', 'shared_id', 'null', 'null']) }} as identity_key,
        source_system,
        entry_id,
        booked_at,
        cost_type,
        cost_purpose,
        cost_center,
        amount,
        upper(trim(currency_code)) as currency_code,
        driver,
        campaign_id,
        lower(trim(channel)) as channel,
        account_id,
        shared_id,
        updated_at,
        coalesce(is_deleted, false) or missing_since_date is not null as is_deleted,
        missing_since_date as deleted_date,
        _batch_id,
        _line
    from current_cost_entries

)

select * from final

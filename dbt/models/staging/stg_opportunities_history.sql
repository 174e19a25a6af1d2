{#- Grain: one row per opportunity of a source system and batch date on which it changed, was deleted or came back. -#}

{%- set content = [
    'account_id', 'product_id', 'owner_employee_id', 'stage_name', 'lead_source', 'campaign_id', 'amount', 'currency_code',
    'is_closed', 'is_won', 'close_date', 'merged_into_id', 'is_deleted', 'created_at',
] %}

with states as (

    {{ row_history('opportunities', key=['opportunity_id'], content=content, updated_at='updated_at') }}

),

final as (

    select
        {{ surrogate_key(['source_system', 'opportunity_id', 'valid_from']) }} as opportunity_version_key,
        {{ surrogate_key(['source_system', 'opportunity_id']) }} as opportunity_key,
        source_system,
        opportunity_id,
        valid_from,
        coalesce(next_valid_from, date '9999-12-31') as valid_to,
        next_valid_from is null as is_current,
        first_batch_date,
        stage_name,
        amount,
        is_closed,
        is_won,
        close_date,
        coalesce(is_deleted, false) or is_missing as is_deleted,
        created_at,
        updated_at,
        _batch_id,
        _line
    from states

)

select * from final

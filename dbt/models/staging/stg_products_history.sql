{#- Grain: one row per product of a source system and batch date on which it changed, went missing or came back. -#}

{%- set content = [
    'product_name', 'product_category', 'list_price', 'unit_cost', 'currency_code', 'is_subscription', 'is_active', 'launched_date',
    'discontinued_date',
] %}

with states as (

    {{ row_history('products', key=['product_id'], content=content, updated_at='updated_at') }}

),

final as (

    select
        {{ surrogate_key(['source_system', 'product_id', 'valid_from']) }} as product_version_key,
        {{ surrogate_key(['product_id']) }} as product_key,
        source_system,
        product_id,
        valid_from,
        coalesce(next_valid_from, date '9999-12-31') as valid_to,
        next_valid_from is null as is_current,
        product_name,
        product_category,
        list_price,
        unit_cost,
        upper(trim(currency_code)) as currency_code,
        is_subscription,
        is_active,
        launched_date,
        discontinued_date,
        is_missing as is_deleted,
        case when is_missing then valid_from end as deleted_date,
        updated_at,
        _batch_id,
        _line
    from states

)

select * from final

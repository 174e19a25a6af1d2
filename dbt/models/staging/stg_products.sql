{#- Grain: one row per product of a source system. -#}

with products_history as (

    select * from {{ ref('stg_products_history') }}

),

final as (

    select
        product_version_key,
        product_key,
        source_system,
        product_id,
        valid_from,
        product_name,
        product_category,
        list_price,
        unit_cost,
        currency_code,
        is_subscription,
        is_active,
        launched_date,
        discontinued_date,
        is_deleted,
        deleted_date,
        updated_at,
        _batch_id,
        _line
    from products_history
    where is_current

)

select * from final

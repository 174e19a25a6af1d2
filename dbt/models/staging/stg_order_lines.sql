{#- Grain: one row per order and line number of a source system. -#}

with current_order_lines as (

    {{ current_rows('order_lines', key=['order_id', 'line_number'], updated_at='updated_at') }}

),

final as (

    select
        {{ surrogate_key(['source_system', 'order_id', 'line_number']) }} as order_line_key,
        {{ surrogate_key(['source_system', 'order_id']) }} as order_key,
        case
            when coalesce(product_id, product_name) is not null then {{ surrogate_key(['coalesce(product_id, product_name)']) }}
        end as product_key,
        source_system,
        order_id,
        line_number,
        product_id,
        nullif(trim(product_name), '') as product_name,
        quantity,
        unit_price,
        discount_amount,
        net_amount,
        unit_cost,
        updated_at,
        missing_since_date is not null as is_deleted,
        missing_since_date as deleted_date,
        _batch_id,
        _line
    from current_order_lines

)

select * from final

{#- Grain: one row per return of a source system. -#}

with current_returns as (

    {{ current_rows('returns', key=['return_id']) }}

),

final as (

    select
        {{ surrogate_key(['source_system', 'return_id']) }} as return_key,
        {{ surrogate_key(['source_system', 'order_id']) }} as order_key,
        source_system,
        return_id,
        order_id,
        line_number,
        product_id,
        quantity,
        refund_amount,
        returned_at,
        reason,
        missing_since_date is not null as is_deleted,
        missing_since_date as deleted_date,
        _batch_id,
        _line
    from current_returns

)

select * from final

{#- Grain: one row per visit to a shop. -#}

with current_store_visits as (

    {{ current_rows('store_visits', key=['visit_id']) }}

),

final as (

    select
        {{ surrogate_key(['source_system', 'visit_id']) }} as visit_key,
        {{ surrogate_key(['source_system', 'account_id', 'shared_id', normalised_email('email'), 'null']) }} as identity_key,
        source_system,
        visit_id,
        store_id,
        account_id,
        shared_id,
        {{ normalised_email('email') }} as email,
        visited_at,
        duration_minutes,
        product_id,
        employee_id,
        has_purchase,
        order_id,
        missing_since_date is not null as is_deleted,
        missing_since_date as deleted_date,
        _batch_id,
        _line
    from current_store_visits

)

select * from final

{#- Grain: one row per order of a source system. -#}

with current_orders as (

    {{ current_rows('orders', key=['order_id'], updated_at='updated_at') }}

),

final as (

    select
        {{ surrogate_key(['source_system', 'order_id']) }} as order_key,
        {{ surrogate_key([
            'source_system', 'account_id', 'shared_id', normalised_email('customer_email'), 'null',
        ]) }} as identity_key,
        source_system,
        order_id,
        account_id,
        shared_id,
        {{ normalised_email('customer_email') }} as email,
        ordered_at,
        order_status,
        lower(trim(sales_channel)) as sales_channel,
        upper(trim(currency_code)) as currency_code,
        total_amount,
        discount_amount,
        refunded_amount,
        employee_id,
        opportunity_id,
        campaign_id,
        is_test,
        updated_at,
        missing_since_date is not null as is_deleted,
        missing_since_date as deleted_date,
        _batch_id,
        _line
    from current_orders

)

select * from final

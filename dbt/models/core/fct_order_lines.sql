{#- Grain: one row per order line. -#}

with order_lines as (

    select * from {{ ref('stg_order_lines') }}

),

orders as (

    select * from {{ ref('int_orders__resolved') }}

),

priced as (

    select * from {{ ref('int_order_lines__priced') }}

),

costed as (

    select * from {{ ref('int_order_lines__costed') }}

),

converted as (

    select
        priced.order_line_key,
        cast(priced.net_amount * orders.rate as decimal(18, 2)) as net_amount,
        cast(priced.discount_amount * orders.rate as decimal(18, 2)) as discount_amount
    from priced
    inner join orders on priced.order_key = orders.order_key

),

final as (

    select
        order_lines.order_line_key,
        order_lines.order_key,
        order_lines.order_id,
        order_lines.source_system,
        order_lines.line_number,
        coalesce(orders.customer_key, 'unknown') as customer_key,
        costed.product_key,
        coalesce(orders.employee_key, 'unknown') as employee_key,
        coalesce(orders.campaign_key, 'unknown') as campaign_key,
        coalesce(orders.channel_key, 'unknown') as channel_key,
        coalesce(orders.opportunity_key, 'unknown') as opportunity_key,
        orders.ordered_at,
        orders.order_date,
        orders.month,
        order_lines.quantity,
        converted.net_amount,
        costed.cost_amount,
        converted.net_amount - costed.cost_amount as margin_amount,
        converted.discount_amount,
        coalesce(orders.order_status, 'unknown') as order_status,
        coalesce(orders.is_cancelled, false) as is_cancelled,
        coalesce(orders.is_test, false) as is_test,
        order_lines.is_deleted or coalesce(orders.is_deleted, false) as is_deleted,
        orders.order_key is not null and orders.rate is null as has_missing_rate,
        orders.order_key is not null
        and not orders.is_cancelled
        and not orders.is_test
        and not orders.is_deleted
        and not order_lines.is_deleted as is_countable
    from order_lines
    inner join costed on order_lines.order_line_key = costed.order_line_key
    left join converted on order_lines.order_line_key = converted.order_line_key
    left join orders on order_lines.order_key = orders.order_key

)

select * from final

{#- Grain: one row per control figure and order that a source system states it for. -#}

with orders as (

    select * from {{ ref('stg_orders') }}

),

order_lines as (

    select * from {{ ref('fct_order_lines') }}

),

priced as (

    select * from {{ ref('int_order_lines__priced') }}

),

returns as (

    select * from {{ ref('stg_returns') }}
    where not is_deleted

),

-- In the currency of the order: what its lines say, and what of it counts as revenue.
billed as (

    select
        order_lines.order_key,
        sum(case when not order_lines.is_deleted then priced.net_amount end) as line_amount,
        sum(case when order_lines.is_countable then priced.net_amount end) as countable_amount,
        count(*) filter (where not order_lines.is_deleted) as line_count,
        bool_or(order_lines.is_test) as is_test
    from order_lines
    inner join priced on order_lines.order_line_key = priced.order_line_key
    group by order_lines.order_key

),

refunded as (

    select
        returns.order_key,
        sum(returns.refund_amount) as refund_amount,
        sum(case when returns.returned_at <= orders.updated_at then returns.refund_amount else 0 end) as known_refund_amount
    from returns
    inner join orders on returns.order_key = orders.order_key
    group by returns.order_key

),

final as (

    select
        'order_total' as control,
        'orders' as feed,
        orders.source_system,
        orders.order_key as object_key,
        cast(orders.ordered_at as date) as object_date,
        coalesce(billed.countable_amount, 0) as our_figure,
        orders.total_amount as source_figure,
        case
            when coalesce(billed.countable_amount, 0) = orders.total_amount then 'equal'
            when billed.order_key is null then 'lines_missing'
            when orders.is_deleted then 'order_deleted'
            when abs(billed.line_amount - orders.total_amount) <= 0.01 * billed.line_count and orders.order_status = 'cancelled'
                then 'order_cancelled'
            when abs(billed.line_amount - orders.total_amount) <= 0.01 * billed.line_count and billed.is_test then 'test_order'
            when abs(billed.line_amount - orders.total_amount) <= 0.01 * billed.line_count then 'rounding'
            when billed.line_amount - orders.discount_amount = orders.total_amount then 'order_discount'
            else 'unexplained'
        end as explanation
    from orders
    left join billed on orders.order_key = billed.order_key
    where orders.total_amount is not null
    union all
    select
        'order_refund' as control,
        'returns' as feed,
        orders.source_system,
        orders.order_key as object_key,
        cast(orders.ordered_at as date) as object_date,
        coalesce(refunded.refund_amount, 0) as our_figure,
        orders.refunded_amount as source_figure,
        case
            when coalesce(refunded.refund_amount, 0) = orders.refunded_amount then 'equal'
            when refunded.known_refund_amount = orders.refunded_amount then 'return_booked_later'
            when refunded.order_key is null and orders.order_status = 'cancelled' then 'order_cancelled'
            else 'unexplained'
        end as explanation
    from orders
    left join refunded on orders.order_key = refunded.order_key
    where orders.refunded_amount <> 0 or (orders.refunded_amount is not null and refunded.refund_amount <> 0)

)

select * from final

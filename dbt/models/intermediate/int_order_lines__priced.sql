{#- Grain: one row per order line, amounts in the currency of the order. -#}

with order_lines as (

    select * from {{ ref('stg_order_lines') }}

),

orders as (

    select * from {{ ref('stg_orders') }}

),

stated as (

    select
        order_lines.order_line_key,
        order_lines.order_key,
        order_lines.line_number,
        order_lines.quantity,
        coalesce(order_lines.discount_amount, 0) as line_discount_amount,
        coalesce(
            order_lines.net_amount,
            order_lines.quantity * order_lines.unit_price - coalesce(order_lines.discount_amount, 0)
        ) as line_amount,
        -- Only an amount we compute ourselves can lack the order's discount.
        order_lines.net_amount is null and order_lines.unit_price is not null as is_computed,
        order_lines.net_amount is null and order_lines.unit_price is null as is_unpriced,
        order_lines.is_deleted,
        orders.total_amount,
        coalesce(orders.discount_amount, 0) as order_discount_amount
    from order_lines
    left join orders on order_lines.order_key = orders.order_key

),

weighted as (

    select
        *,
        case
            when is_deleted then 0
            when is_computed then line_amount
            when is_unpriced then abs(quantity)
            else 0
        end as weight,
        bool_and(is_unpriced) over (partition by order_key) as is_unpriced_order,
        greatest(order_discount_amount - sum(case when is_deleted then 0 else line_discount_amount end) over (partition by order_key), 0)
            as open_discount_amount
    from stated

),

-- Running shares of a total, each rounded to the cent: their differences add up to the total.
running as (

    select
        *,
        case when is_unpriced_order then total_amount else open_discount_amount end as spread_amount,
        sum(weight) over (
            partition by order_key, is_computed or is_unpriced_order
            order by line_number
            rows between unbounded preceding and current row
        ) as running_weight,
        sum(weight) over (partition by order_key, is_computed or is_unpriced_order) as total_weight
    from weighted

),

shared as (

    select
        *,
        cast({{ rounded('spread_amount * ' ~ safe_ratio('running_weight', 'total_weight'), 2) }} as decimal(18, 2))
        - cast({{ rounded('spread_amount * ' ~ safe_ratio('running_weight - weight', 'total_weight'), 2) }} as decimal(18, 2))
            as share_amount
    from running

),

final as (

    select
        order_line_key,
        order_key,
        cast(
            case
                when is_unpriced_order then share_amount
                when is_computed then line_amount - coalesce(share_amount, 0)
                else line_amount
            end as decimal(18, 2)
        ) as net_amount,
        cast(
            line_discount_amount + case when is_computed then coalesce(share_amount, 0) else 0 end as decimal(18, 2)
        ) as discount_amount
    from shared

)

select * from final

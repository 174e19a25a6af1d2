{#- Grain: one row per order and touch that may claim a share of it; an order without any has one row that says so. -#}

with parameters as (

    select * from {{ ref('dim_parameters') }}

),

order_lines as (

    select * from {{ ref('fct_order_lines') }}
    where is_countable

),

touches as (

    select * from {{ ref('kpi_touches') }}

),

orders as (

    select
        order_key,
        customer_key,
        ordered_at,
        order_date,
        month,
        cast(coalesce(sum(net_amount), 0) as decimal(18, 2)) as net_amount
    from order_lines
    cross join parameters
    where order_date <= parameters.as_of_date
    group by order_key, customer_key, ordered_at, order_date, month

),

-- An order meets every touch of its customer within the window: that is the grain. Both ends of the window count.
claimed as (

    select
        orders.order_key,
        touches.touch_key,
        touches.touch_type,
        touches.touched_at,
        touches.channel,
        touches.campaign
    from orders
    cross join parameters
    inner join touches
        on
            orders.customer_key = touches.customer_key
            and orders.ordered_at >= touches.touched_at
            and {{ days_between('touches.touch_date', 'orders.order_date') }} <= parameters.attribution_window_days
    where orders.customer_key <> 'unknown'

),

numbered as (

    select
        *,
        row_number() over (partition by order_key order by touched_at, touch_type, touch_key) as touch_number,
        count(*) over (partition by order_key) as touch_count
    from claimed

),

final as (

    select
        {{ surrogate_key(['orders.order_key', 'numbered.touch_key']) }} as order_touch_key,
        orders.order_key,
        orders.customer_key,
        orders.ordered_at,
        orders.month,
        orders.net_amount,
        coalesce(numbered.touch_key, 'unattributed') as touch_key,
        coalesce(numbered.touch_type, 'unattributed') as touch_type,
        numbered.touched_at,
        coalesce(numbered.channel, 'unattributed') as channel,
        coalesce(numbered.campaign, 'unattributed') as campaign,
        coalesce(numbered.touch_number, 1) as touch_number,
        coalesce(numbered.touch_count, 1) as touch_count
    from orders
    left join numbered on orders.order_key = numbered.order_key

)

select * from final

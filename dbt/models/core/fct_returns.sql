{#- Grain: one row per return and order line; one row where no line is known. -#}

with returns as (

    select * from {{ ref('int_returns__allocated') }}

),

order_lines as (

    select * from {{ ref('fct_order_lines') }}

),

orders as (

    select * from {{ ref('int_orders__resolved') }}

),

currencies as (

    select
        order_key,
        currency_code
    from {{ ref('stg_orders') }}

),

parameters as (

    select * from {{ ref('dim_parameters') }}

),

exchange_rates as (

    select * from {{ ref('int_exchange_rates__ranged') }}

),

final as (

    select
        returns.return_line_key as return_key,
        returns.return_id,
        returns.source_system,
        coalesce(returns.order_line_key, 'unknown') as order_line_key,
        returns.order_key,
        coalesce(orders.customer_key, 'unknown') as customer_key,
        coalesce(order_lines.product_key, 'unknown') as product_key,
        returns.returned_at,
        cast(returns.returned_at as date) as return_date,
        cast(date_trunc('month', returns.returned_at) as date) as month,
        cast(returns.quantity as decimal(18, 4)) as quantity,
        cast(returns.refund_amount * exchange_rates.rate as decimal(18, 2)) as refund_amount,
        cast(order_lines.cost_amount * returns.returned_share as decimal(18, 2)) as returned_cost_amount,
        coalesce(returns.reason, 'unknown') as return_reason,
        coalesce(orders.is_test, false) as is_test,
        not returns.is_deleted
        and coalesce(
            order_lines.is_countable,
            not orders.is_cancelled and not orders.is_test and not orders.is_deleted,
            false
        ) as is_countable
    from returns
    cross join parameters
    left join order_lines on returns.order_line_key = order_lines.order_line_key
    left join orders on returns.order_key = orders.order_key
    left join currencies on returns.order_key = currencies.order_key
    left join exchange_rates
        on
            coalesce(currencies.currency_code, parameters.reporting_currency) = exchange_rates.currency_code
            and cast(returns.returned_at as date) >= exchange_rates.valid_from
            and cast(returns.returned_at as date) < exchange_rates.valid_to

)

select * from final

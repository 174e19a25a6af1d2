{#- Grain: one row per customer and day with a sale, a return or a month of a contract (booked on its first day). -#}

with parameters as (

    select * from {{ ref('dim_parameters') }}

),

order_lines as (

    select * from {{ ref('fct_order_lines') }}
    where is_countable

),

returns as (

    select * from {{ ref('fct_returns') }}
    where is_countable

),

customer_months as (

    select * from {{ ref('fct_customer_months') }}
    where active_contract_count > 0

),

-- What goods without a known cost brought in is unknown, and so is what their return took away.
movements as (

    select
        order_lines.customer_key,
        order_lines.order_date as contribution_date,
        order_lines.order_key,
        order_lines.net_amount as revenue_amount,
        0 as refund_amount,
        order_lines.margin_amount as contribution_amount
    from order_lines
    union all
    select
        returns.customer_key,
        returns.return_date as contribution_date,
        cast(null as string) as order_key,
        0 as revenue_amount,
        returns.refund_amount,
        case
            when order_lines.order_line_key is null or order_lines.margin_amount is not null
                then coalesce(returns.returned_cost_amount, 0) - returns.refund_amount
        end as contribution_amount
    from returns
    left join order_lines on returns.order_line_key = order_lines.order_line_key
    union all
    select
        customer_months.customer_key,
        customer_months.month as contribution_date,
        cast(null as string) as order_key,
        customer_months.contract_amount as revenue_amount,
        0 as refund_amount,
        customer_months.contract_margin_amount as contribution_amount
    from customer_months

),

final as (

    select
        {{ surrogate_key(['movements.customer_key', 'movements.contribution_date']) }} as customer_contribution_key,
        movements.customer_key,
        movements.contribution_date,
        cast(date_trunc('month', movements.contribution_date) as date) as month,
        count(distinct movements.order_key) as order_count,
        cast(coalesce(sum(movements.revenue_amount), 0) as decimal(18, 2)) as revenue_amount,
        cast(
            coalesce(sum(movements.revenue_amount) filter (where movements.contribution_amount is not null), 0) as decimal(18, 2)
        ) as costed_revenue_amount,
        cast(coalesce(sum(movements.refund_amount), 0) as decimal(18, 2)) as refund_amount,
        cast(sum(movements.contribution_amount) as decimal(18, 2)) as contribution_amount
    from movements
    cross join parameters
    where movements.customer_key <> 'unknown' and movements.contribution_date <= parameters.as_of_date
    group by movements.customer_key, movements.contribution_date

)

select * from final

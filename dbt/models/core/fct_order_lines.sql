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

products as (

    select * from {{ ref('dim_products') }}

),

product_costs as (

    select * from {{ ref('int_products__costed') }}

),

parameters as (

    select * from {{ ref('dim_parameters') }}

),

exchange_rates as (

    select * from {{ ref('int_exchange_rates__ranged') }}

),

-- A line without a product number may name a product of the list; two products of one name are told apart by nobody.
products_by_name as (

    select
        lower(trim(product_name)) as product_name,
        min(product_key) as product_key
    from products
    where not is_inferred and product_key <> 'unknown'
    group by lower(trim(product_name))
    having count(*) = 1

),

dated as (

    select
        order_lines.*,
        orders.rate,
        coalesce(orders.order_date, parameters.as_of_date) as cost_date,
        parameters.reporting_currency,
        coalesce(
            case when order_lines.product_id is null then products_by_name.product_key end,
            products.product_key,
            'unknown'
        ) as known_product_key
    from order_lines
    cross join parameters
    left join orders on order_lines.order_key = orders.order_key
    left join products on order_lines.product_key = products.product_key
    left join products_by_name on lower(order_lines.product_name) = products_by_name.product_name

),

costed as (

    select
        dated.order_line_key,
        dated.known_product_key,
        cast(
            dated.quantity * coalesce(
                cast(dated.unit_cost * dated.rate as decimal(18, 6)),
                cast(product_costs.unit_cost * exchange_rates.rate as decimal(18, 6))
            ) as decimal(18, 2)
        ) as cost_amount
    from dated
    left join product_costs
        on
            dated.known_product_key = product_costs.product_key
            and dated.cost_date >= product_costs.valid_from
            and dated.cost_date < product_costs.valid_to
    left join exchange_rates
        on
            coalesce(product_costs.currency_code, dated.reporting_currency) = exchange_rates.currency_code
            and dated.cost_date >= exchange_rates.valid_from
            and dated.cost_date < exchange_rates.valid_to

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
        costed.known_product_key as product_key,
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

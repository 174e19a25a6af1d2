{#- Grain: one row per order line, with its product and cost in the reporting currency. -#}

with order_lines as (

    select * from {{ ref('stg_order_lines') }}

),

orders as (

    select * from {{ ref('int_orders__resolved') }}

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

final as (

    select
        dated.order_line_key,
        dated.known_product_key as product_key,
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

)

select * from final

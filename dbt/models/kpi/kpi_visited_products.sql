{#- Grain: one row per product and month in which somebody looked at it. -#}

with parameters as (

    select * from {{ ref('dim_parameters') }}

),

visits as (

    select * from {{ ref('kpi_visits') }}
    where product_key <> 'unknown'

),

order_lines as (

    select * from {{ ref('fct_order_lines') }}
    where is_countable and customer_key <> 'unknown'

),

products as (

    select * from {{ ref('dim_products') }}

),

looks as (

    select
        product_key,
        cast(date_trunc('month', visit_date) as date) as month,
        visitor,
        customer_key,
        min(visited_at) as first_look_at,
        count(*) as visit_count
    from visits
    group by product_key, cast(date_trunc('month', visit_date) as date), visitor, customer_key

),

-- A customer may order the product several times after a look: such a pair counts once.
buyers as (

    select
        looks.product_key,
        looks.month,
        looks.visitor
    from looks
    cross join parameters
    inner join order_lines
        on
            looks.customer_key = order_lines.customer_key
            and looks.product_key = order_lines.product_key
            and looks.first_look_at <= order_lines.ordered_at
            and {{ days_between('cast(looks.first_look_at as date)', 'order_lines.order_date') }} <= parameters.attribution_window_days
    where order_lines.order_date <= parameters.as_of_date
    group by looks.product_key, looks.month, looks.visitor

),

counted as (

    select
        looks.product_key,
        looks.month,
        sum(looks.visit_count) as visit_count,
        count(*) as visitor_count,
        count(*) filter (where looks.customer_key <> 'unknown') as known_visitor_count,
        count(buyers.visitor) as buyer_count
    from looks
    left join buyers
        on
            looks.product_key = buyers.product_key
            and looks.month = buyers.month
            and looks.visitor = buyers.visitor
    group by looks.product_key, looks.month

),

final as (

    select
        {{ surrogate_key(['counted.product_key', 'counted.month']) }} as visited_product_key,
        counted.product_key,
        products.product_id,
        products.product_name,
        products.product_category,
        counted.month,
        cast(counted.visit_count as bigint) as visit_count,
        counted.visitor_count,
        counted.known_visitor_count,
        counted.buyer_count,
        counted.visitor_count - counted.buyer_count as lost_visitor_count,
        {{ safe_ratio('counted.buyer_count', 'counted.visitor_count') }} as conversion_rate,
        {{ days_between(date_plus('counted.month', 1, 'month'), 'parameters.as_of_date') }} >= parameters.attribution_window_days
            as is_final
    from counted
    cross join parameters
    inner join products on counted.product_key = products.product_key

)

select * from final

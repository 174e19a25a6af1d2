{#- Grain: one row per order and product in it. -#}

with order_lines as (

    select * from {{ ref('fct_order_lines') }}
    where is_countable and product_key <> 'unknown'

),

returns as (

    select * from {{ ref('fct_returns') }}
    where is_countable

),

customers as (

    select * from {{ ref('dim_customers') }}
    where is_current

),

-- A product that stands on several lines of an order is in it once.
bought as (

    select
        order_key,
        customer_key,
        product_key,
        order_date,
        sum(quantity) as quantity
    from order_lines
    group by order_key, customer_key, product_key, order_date

),

given_back as (

    select
        order_key,
        product_key,
        sum(quantity) as quantity,
        max(return_date) as return_date
    from returns
    group by order_key, product_key

),

final as (

    select
        {{ surrogate_key(['bought.order_key', 'bought.product_key']) }} as order_item_key,
        bought.order_key,
        bought.customer_key,
        customers.customer_type,
        bought.product_key,
        bought.order_date,
        case when given_back.quantity >= bought.quantity then given_back.return_date end as returned_date
    from bought
    inner join customers on bought.customer_key = customers.customer_key
    left join given_back
        on
            bought.order_key = given_back.order_key
            and bought.product_key = given_back.product_key

)

select * from final

{#- Grain: one row per day from which customers are profiled, customer and product category bought lately. -#}

with windows as (

    select * from {{ ref('pred_profile_windows') }}

),

profiles as (

    select * from {{ ref('pred_customer_profiles') }}

),

products as (

    select * from {{ ref('dim_products') }}
    where product_category <> 'unknown'

),

order_lines as (

    select * from {{ ref('fct_order_lines') }}
    where is_countable and net_amount > 0

),

bought as (

    select
        windows.purpose,
        order_lines.customer_key,
        products.product_category,
        sum(order_lines.net_amount) as net_amount
    from order_lines
    inner join windows on order_lines.order_date between windows.from_date and windows.through_date
    inner join products on order_lines.product_key = products.product_key
    group by all

),

final as (

    select
        {{ surrogate_key(['bought.purpose', 'bought.customer_key', 'bought.product_category']) }} as customer_category_key,
        bought.purpose,
        bought.customer_key,
        bought.product_category,
        cast(bought.net_amount as decimal(18, 2)) as net_amount,
        {{ safe_ratio(
            'bought.net_amount', 'sum(bought.net_amount) over (partition by bought.purpose, bought.customer_key)'
        ) }} as category_rate
    from bought
    inner join profiles
        on
            bought.purpose = profiles.purpose
            and bought.customer_key = profiles.customer_key

)

select * from final

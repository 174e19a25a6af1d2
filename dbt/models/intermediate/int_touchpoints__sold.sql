{#- Grain: one row per order, return, start and end of a contract. -#}
{{ config(materialized='view') }}

with order_lines as (

    select * from {{ ref('fct_order_lines') }}
    where not is_deleted and not is_test and ordered_at is not null

),

returns as (

    select * from {{ ref('fct_returns') }}
    where is_countable

),

contracts as (

    select * from {{ ref('fct_contracts') }}
    where is_countable

),

products as (

    select * from {{ ref('dim_products') }}

),

channels as (

    select * from {{ ref('dim_channels') }}

),

parameters as (

    select * from {{ ref('dim_parameters') }}

),

-- First by product: products of an order are then rows to count, not values to tell apart.
ordered_products as (

    select
        order_lines.customer_key,
        order_lines.order_key,
        order_lines.ordered_at,
        order_lines.is_cancelled,
        order_lines.channel_key,
        order_lines.campaign_key,
        order_lines.employee_key,
        order_lines.product_key,
        max(products.product_name) as product_name,
        sum(order_lines.net_amount) as amount
    from order_lines
    inner join products on order_lines.product_key = products.product_key
    group by all

),

orders as (

    select
        customer_key,
        order_key,
        ordered_at,
        is_cancelled,
        channel_key,
        campaign_key,
        employee_key,
        case when count(*) = 1 then max(product_name) else cast(count(*) as string) || ' products' end as subject,
        sum(amount) as amount
    from ordered_products
    group by all

),

final as (

    select
        orders.customer_key,
        orders.ordered_at as occurred_at,
        channels.channel,
        case when orders.is_cancelled then 'order_cancelled' else 'order' end as touch_type,
        'inbound' as direction,
        orders.subject,
        orders.amount,
        orders.campaign_key,
        orders.employee_key,
        'orders' as source_feed,
        orders.order_key as source_key
    from orders
    inner join channels on orders.channel_key = channels.channel_key
    union all
    select
        returns.customer_key,
        returns.returned_at as occurred_at,
        'unknown' as channel,
        'return' as touch_type,
        'inbound' as direction,
        products.product_name as subject,
        -returns.refund_amount as amount,
        'unknown' as campaign_key,
        'unknown' as employee_key,
        'returns' as source_feed,
        returns.return_key as source_key
    from returns
    inner join products on returns.product_key = products.product_key
    union all
    select
        contracts.customer_key,
        cast(contracts.started_date as timestamp) as occurred_at,
        'unknown' as channel,
        'contract_start' as touch_type,
        'inbound' as direction,
        products.product_name as subject,
        contracts.monthly_amount as amount,
        'unknown' as campaign_key,
        'unknown' as employee_key,
        'contracts' as source_feed,
        contracts.contract_key as source_key
    from contracts
    cross join parameters
    inner join products on contracts.product_key = products.product_key
    where contracts.started_date <= parameters.as_of_date
    union all
    select
        contracts.customer_key,
        cast(contracts.ended_date as timestamp) as occurred_at,
        'unknown' as channel,
        'contract_end' as touch_type,
        'inbound' as direction,
        products.product_name as subject,
        contracts.monthly_amount as amount,
        'unknown' as campaign_key,
        'unknown' as employee_key,
        'contracts' as source_feed,
        contracts.contract_key as source_key
    from contracts
    cross join parameters
    inner join products on contracts.product_key = products.product_key
    where contracts.ended_date <= parameters.as_of_date

)

select * from final

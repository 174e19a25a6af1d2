{#- Grain: one row per visit to a shop. -#}

with store_visits as (

    select * from {{ ref('stg_store_visits') }}

),

resolved as (

    select * from {{ ref('int_identifiers__resolved') }}

),

stated_orders as (

    select * from {{ ref('stg_orders') }}

),

orders as (

    select * from {{ ref('int_orders__resolved') }}

),

leads as (

    select * from {{ ref('int_leads__addressed') }}

),

channels as (

    select * from {{ ref('dim_channels') }}

),

products as (

    select * from {{ ref('dim_products') }}

),

employees as (

    select * from {{ ref('dim_employees') }}

),

-- The till prints an order number without its system: it says which order only while no two systems use it.
order_numbers as (

    select
        order_id,
        min(order_key) as order_key
    from stated_orders
    where order_id in (select store_visits.order_id from store_visits)
    group by order_id
    having count(*) = 1

),

-- The order in the visit's own system, else the only one with that number.
matched as (

    select
        store_visits.visit_key,
        coalesce(own_orders.order_key, order_numbers.order_key) as order_key
    from store_visits
    left join stated_orders as own_orders
        on {{ surrogate_key(['store_visits.source_system', 'store_visits.order_id']) }} = own_orders.order_key
    left join order_numbers on store_visits.order_id = order_numbers.order_id

),

final as (

    select
        store_visits.visit_key,
        store_visits.source_system,
        store_visits.store_id,
        coalesce(nullif(resolved.customer_key, 'unknown'), orders.customer_key, 'unknown') as customer_key,
        coalesce(leads.lead_key, 'unknown') as lead_key,
        coalesce(channels.channel_key, 'unknown') as channel_key,
        coalesce(products.product_key, 'unknown') as product_key,
        coalesce(employees.employee_key, 'unknown') as employee_key,
        coalesce(orders.order_key, 'unknown') as order_key,
        store_visits.visited_at,
        cast(store_visits.visited_at as date) as visit_date,
        cast(store_visits.duration_minutes as double) as duration_minutes,
        coalesce(store_visits.has_purchase, false) or store_visits.order_id is not null as has_purchase,
        store_visits.is_deleted
    from store_visits
    inner join matched on store_visits.visit_key = matched.visit_key
    left join resolved on store_visits.identity_key = resolved.identity_key
    left join orders on matched.order_key = orders.order_key
    left join leads on store_visits.email = leads.email
    left join channels on channels.channel = 'store'
    left join products on {{ surrogate_key(['store_visits.product_id']) }} = products.product_key
    left join employees on {{ surrogate_key(['store_visits.employee_id']) }} = employees.employee_key

)

select * from final

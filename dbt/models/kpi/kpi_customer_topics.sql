{#- Grain: one row per customer, topic and product a customer wrote about. -#}

with tickets as (

    select * from {{ ref('fct_tickets') }}
    where is_countable and not is_outbound

),

final as (

    select
        {{ surrogate_key(['customer_key', 'topic', 'product_key']) }} as customer_topic_key,
        customer_key,
        topic,
        product_key,
        count(*) as ticket_count,
        count(*) filter (where ticket_type = 'complaint') as complaint_count,
        count(*) filter (where not is_resolved) as open_count,
        min(created_date) as first_asked_date,
        max(created_date) as last_asked_date
    from tickets
    group by customer_key, topic, product_key

)

select * from final

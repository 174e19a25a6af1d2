{#- Grain: one row per visitor and place (web, store, any). -#}

with parameters as (

    select * from {{ ref('dim_parameters') }}

),

visits as (

    select * from {{ ref('kpi_visits') }}

),

order_lines as (

    select * from {{ ref('fct_order_lines') }}
    where is_countable and customer_key <> 'unknown'

),

leads as (

    select * from {{ ref('fct_leads') }}
    where not is_deleted

),

places as (

    select 'web' as place
    union all
    select 'store' as place
    union all
    select 'any' as place

),

numbered as (

    select
        visits.*,
        places.place as seen_at,
        row_number() over (partition by visits.visitor, places.place order by visits.visited_at, visits.visit_key) as visit_number
    from visits
    inner join places on places.place in (visits.place, 'any')

),

visitors as (

    select
        visitor,
        seen_at as place,
        customer_key,
        min(visited_at) as first_visit_at,
        min_by(channel, visit_number) as channel,
        min_by(campaign, visit_number) as campaign,
        min_by(product_category, visit_number) as product_category,
        customer_segment,
        min_by(is_bounce, visit_number) as is_bounced,
        bool_or(has_purchase) as has_purchase,
        count(*) as visit_count
    from numbered
    group by visitor, seen_at, customer_key, customer_segment

),

-- A lead belongs to a visitor who showed its address, customer or not, or who became its customer.
visitor_leads as (

    select
        visits.visitor,
        leads.created_at
    from visits
    inner join leads on visits.lead_key = leads.lead_key
    union all
    select
        leads.customer_key as visitor,
        leads.created_at
    from leads

),

first_leads as (

    select
        visitor_leads.visitor,
        min(visitor_leads.created_at) as first_lead_at
    from visitor_leads
    cross join parameters
    where cast(visitor_leads.created_at as date) <= parameters.as_of_date
    group by visitor_leads.visitor

),

first_orders as (

    select
        order_lines.customer_key,
        min(order_lines.ordered_at) as first_order_at
    from order_lines
    cross join parameters
    where order_lines.order_date <= parameters.as_of_date
    group by order_lines.customer_key

),

final as (

    select
        {{ surrogate_key(['visitors.visitor', 'visitors.place']) }} as visitor_place_key,
        visitors.visitor,
        visitors.place,
        visitors.customer_key,
        visitors.first_visit_at,
        cast(date_trunc('month', visitors.first_visit_at) as date) as month,
        visitors.channel,
        visitors.campaign,
        visitors.product_category,
        visitors.customer_segment,
        visitors.visit_count,
        visitors.is_bounced,
        visitors.has_purchase,
        first_leads.first_lead_at,
        first_orders.first_order_at,
        coalesce(first_leads.first_lead_at < visitors.first_visit_at, false) as was_lead,
        coalesce(first_leads.first_lead_at >= visitors.first_visit_at, false) as became_lead,
        coalesce(first_orders.first_order_at < visitors.first_visit_at, false) as was_customer,
        coalesce(first_orders.first_order_at >= visitors.first_visit_at, visitors.has_purchase) as became_customer
    from visitors
    left join first_leads on visitors.visitor = first_leads.visitor
    left join first_orders on visitors.customer_key = first_orders.customer_key

)

select * from final

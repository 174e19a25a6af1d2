{#- Grain: one row per web session of a person and visit to a shop, with the visitor it belongs to. -#}

with parameters as (

    select * from {{ ref('dim_parameters') }}

),

web_sessions as (

    select * from {{ ref('fct_web_sessions') }}
    where not is_bot and not is_deleted

),

store_visits as (

    select * from {{ ref('fct_store_visits') }}
    where not is_deleted

),

channels as (

    select * from {{ ref('dim_channels') }}

),

campaigns as (

    select * from {{ ref('dim_campaigns') }}

),

products as (

    select * from {{ ref('dim_products') }}

),

customers as (

    select * from {{ ref('dim_customers') }}
    where is_current

),

visits as (

    select
        'web' as place,
        session_key as visit_key,
        visitor_key as browser_key,
        customer_key,
        lead_key,
        started_at as visited_at,
        session_date as visit_date,
        channel_key,
        campaign_key,
        product_key,
        is_bounce,
        false as has_purchase
    from web_sessions
    union all
    select
        'store' as place,
        visit_key,
        'unknown' as browser_key,
        customer_key,
        lead_key,
        visited_at,
        visit_date,
        channel_key,
        'unknown' as campaign_key,
        product_key,
        false as is_bounce,
        has_purchase
    from store_visits

),

-- Who it is: the customer, else the browser, else nobody but this visit. Test customers are nobody's visitors.
final as (

    select
        visits.visit_key,
        visits.place,
        case
            when visits.customer_key <> 'unknown' then visits.customer_key
            when visits.browser_key <> 'unknown' then visits.browser_key
            else visits.visit_key
        end as visitor,
        visits.customer_key,
        visits.lead_key,
        visits.visited_at,
        visits.visit_date,
        visits.is_bounce,
        visits.has_purchase,
        visits.product_key,
        products.product_category,
        channels.channel,
        campaigns.campaign_id as campaign,
        customers.customer_segment
    from visits
    cross join parameters
    inner join customers on visits.customer_key = customers.customer_key
    inner join channels on visits.channel_key = channels.channel_key
    inner join campaigns on visits.campaign_key = campaigns.campaign_key
    inner join products on visits.product_key = products.product_key
    where visits.visit_date <= parameters.as_of_date and not customers.is_test

)

select * from final

{#- Grain: one row per lead that visited the site or a store before it was one. -#}

with leads as (

    select * from {{ ref('fct_leads') }}
    where not is_deleted

),

sessions as (

    select * from {{ ref('fct_web_sessions') }}
    where not is_bot and not is_deleted and visitor_key <> 'unknown'

),

store_visits as (

    select * from {{ ref('fct_store_visits') }}
    where not is_deleted

),

products as (

    select * from {{ ref('dim_products') }}

),

-- Browsers in which the lead gave its address, and no more: who became a customer is not known by others, too.
browsers as (

    select
        lead_key,
        visitor_key
    from sessions
    where lead_key <> 'unknown'
    group by all

),

visits as (

    select
        browsers.lead_key,
        'web' as place,
        sessions.started_at as visited_at,
        sessions.product_key
    from browsers
    inner join sessions on browsers.visitor_key = sessions.visitor_key
    union all
    select
        lead_key,
        'store' as place,
        visited_at,
        product_key
    from store_visits

),

before_lead as (

    select
        leads.lead_key,
        leads.created_at,
        visits.place,
        visits.visited_at,
        products.product_category
    from leads
    inner join visits on leads.lead_key = visits.lead_key
    left join products on visits.product_key = products.product_key
    where visits.visited_at <= leads.created_at

),

counted as (

    select
        lead_key,
        count(*) filter (where place = 'web') as web_visit_count,
        count(*) filter (where place = 'store') as store_visit_count
    from before_lead
    group by lead_key

),

interests as (

    select
        lead_key,
        product_category
    from before_lead
    where product_category <> 'unknown'
    qualify row_number() over (partition by lead_key order by visited_at desc, product_category asc) = 1

),

final as (

    select
        counted.lead_key,
        cast(counted.web_visit_count as bigint) as web_visit_count,
        cast(counted.store_visit_count as bigint) as store_visit_count,
        coalesce(interests.product_category, 'unknown') as product_category
    from counted
    left join interests on counted.lead_key = interests.lead_key

)

select * from final

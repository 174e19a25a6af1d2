{#- Grain: one row per open lead that has gone quiet and is not given up yet. -#}

with parameters as (

    select * from {{ ref('dim_parameters') }}

),

leads as (

    select * from {{ ref('fct_leads') }}
    where not is_deleted and not is_converted

),

activities as (

    select * from {{ ref('fct_activities') }}
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
    where product_key <> 'unknown'

),

employees as (

    select * from {{ ref('dim_employees') }}

),

-- Browsers in which an open lead gave its address: what was looked at in them, before and after.
browsers as (

    select
        leads.lead_key,
        sessions.visitor_key
    from sessions
    inner join leads on sessions.lead_key = leads.lead_key
    group by all

),

touches as (

    select
        lead_key,
        occurred_at as touched_at,
        'unknown' as product_key
    from activities
    union all
    select
        lead_key,
        visited_at as touched_at,
        product_key
    from store_visits
    union all
    select
        browsers.lead_key,
        sessions.started_at as touched_at,
        sessions.product_key
    from browsers
    inner join sessions on browsers.visitor_key = sessions.visitor_key

),

-- What is planned is no touch yet.
past_touches as (

    select
        touches.lead_key,
        touches.touched_at,
        products.product_name,
        row_number() over (
            partition by touches.lead_key order by products.product_name is null asc, touches.touched_at desc, products.product_name asc
        ) as look_number
    from touches
    cross join parameters
    left join products on touches.product_key = products.product_key
    where touches.lead_key <> 'unknown' and cast(touches.touched_at as date) <= parameters.as_of_date

),

summed as (

    select
        lead_key,
        cast(max(touched_at) as date) as touched_date,
        max(case when look_number = 1 then product_name end) as product_name
    from past_touches
    group by lead_key

),

quiet as (

    select
        leads.*,
        summed.product_name,
        greatest(leads.created_date, summed.touched_date) as last_touch_date
    from leads
    left join summed on leads.lead_key = summed.lead_key

),

final as (

    select
        quiet.lead_key,
        quiet.customer_key,
        cast(row_number() over (order by quiet.is_qualified desc, quiet.last_touch_date desc, quiet.lead_key asc) as bigint) as rank_number,
        case when quiet.is_qualified then 'Qualified lead' else 'Lead' end || ' of ' || cast(quiet.created_date as string)
        || ', quiet since ' || cast(quiet.last_touch_date as string)
        || coalesce(', last looked at ' || quiet.product_name, '') as reason,
        quiet.lead_id,
        coalesce(employees.employee_id, 'unknown') as employee_id,
        quiet.lead_source,
        quiet.created_date,
        quiet.last_touch_date,
        coalesce(quiet.product_name, 'unknown') as product_name
    from quiet
    cross join parameters
    left join employees on quiet.employee_key = employees.employee_key
    where
        {{ days_between('quiet.last_touch_date', 'parameters.as_of_date') }} >= parameters.nurture_quiet_days
        and {{ days_between('quiet.last_touch_date', 'parameters.as_of_date') }} <= parameters.nurture_max_days

)

select * from final

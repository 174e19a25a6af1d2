{#- Grain: one row per opportunity. -#}

with opportunities as (

    select * from {{ ref('int_opportunities__classified') }}

),

first_touches as (

    select * from {{ ref('int_opportunities__first_touched') }}

),

stage_visits as (

    select * from {{ ref('fct_opportunity_stages') }}

),

customers as (

    select * from {{ ref('dim_customers') }}
    where is_current

),

employees as (

    select * from {{ ref('dim_employees') }}

),

products as (

    select * from {{ ref('dim_products') }}

),

campaigns as (

    select * from {{ ref('dim_campaigns') }}

),

channels as (

    select * from {{ ref('dim_channels') }}

),

histories as (

    select
        opportunity_key,
        max(entered_at) filter (where is_current) as stage_entered_at,
        max(entered_at) filter (where is_current and is_closing) as closed_at,
        -- Every closing stage that something came after.
        count(*) filter (where is_closing and not is_current) as reopened_count
    from stage_visits
    group by opportunity_key

),

dated as (

    select
        opportunities.opportunity_key,
        coalesce(opportunities.close_date, cast(histories.closed_at as date)) as close_date,
        cast(opportunities.created_at as date) as created_date
    from opportunities
    left join histories on opportunities.opportunity_key = histories.opportunity_key

),

final as (

    select
        opportunities.opportunity_key,
        opportunities.opportunity_id,
        opportunities.source_system,
        customers.customer_key,
        coalesce(employees.employee_key, 'unknown') as employee_key,
        coalesce(employees.team, 'unknown') as team,
        coalesce(products.product_key, 'unknown') as product_key,
        coalesce(products.product_category, 'unknown') as product_category,
        coalesce(campaigns.campaign_key, 'unknown') as campaign_key,
        coalesce(channels.channel_key, 'unknown') as channel_key,
        coalesce(opportunities.lead_source, 'unknown') as lead_source,
        customers.customer_segment,
        coalesce(customers.region, 'unknown') as region,
        opportunities.created_at,
        dated.created_date,
        first_touches.first_touch_at,
        first_touches.first_touch_type,
        cast(first_touches.first_touch_at as date) as first_touch_date,
        opportunities.stage_name,
        opportunities.stage_order,
        histories.stage_entered_at,
        not opportunities.is_closed as is_open,
        opportunities.is_closed,
        opportunities.is_won,
        opportunities.is_closed and not opportunities.is_won as is_lost,
        case when opportunities.is_closed then dated.close_date end as close_date,
        case when not opportunities.is_closed then dated.close_date end as expected_close_date,
        opportunities.amount,
        coalesce(histories.reopened_count, 0) as reopened_count,
        opportunities.is_deleted,
        opportunities.is_merged,
        opportunities.is_deleted or opportunities.is_merged as is_excluded,
        coalesce(opportunities.is_closed and dated.close_date < dated.created_date, false) as has_close_before_creation,
        opportunities.has_missing_rate
    from opportunities
    inner join dated on opportunities.opportunity_key = dated.opportunity_key
    inner join first_touches on opportunities.opportunity_key = first_touches.opportunity_key
    inner join customers on opportunities.customer_key = customers.customer_key
    left join histories on opportunities.opportunity_key = histories.opportunity_key
    left join employees on {{ surrogate_key(['opportunities.owner_employee_id']) }} = employees.employee_key
    left join products on {{ surrogate_key(['opportunities.product_id']) }} = products.product_key
    left join campaigns on {{ surrogate_key(['opportunities.campaign_id']) }} = campaigns.campaign_key
    left join channels on opportunities.lead_source = channels.channel

)

select * from final

{#- Grain: one row per opportunity that counts (neither deleted nor merged). -#}

with opportunities as (

    select * from {{ ref('fct_opportunities') }}
    where not is_excluded

),

employees as (

    select * from {{ ref('dim_employees') }}

),

channels as (

    select * from {{ ref('dim_channels') }}

),

campaigns as (

    select * from {{ ref('dim_campaigns') }}

),

final as (

    select
        opportunities.opportunity_key,
        opportunities.customer_key,
        opportunities.employee_key,
        opportunities.created_date,
        opportunities.first_touch_date,
        opportunities.close_date,
        cast(date_trunc('month', opportunities.created_date) as date) as created_month,
        cast(date_trunc('month', opportunities.close_date) as date) as closed_month,
        opportunities.stage_name,
        opportunities.stage_order,
        opportunities.is_open,
        opportunities.is_closed,
        opportunities.is_won,
        opportunities.has_close_before_creation,
        opportunities.amount,
        opportunities.customer_segment,
        opportunities.region,
        opportunities.team,
        coalesce(employees.employee_id, 'unknown') as employee,
        opportunities.product_category,
        coalesce(channels.channel, 'unknown') as channel,
        coalesce(campaigns.campaign_id, 'unknown') as campaign
    from opportunities
    left join employees on opportunities.employee_key = employees.employee_key
    left join channels on opportunities.channel_key = channels.channel_key
    left join campaigns on opportunities.campaign_key = campaigns.campaign_key

)

select * from final

{#- Grain: one row per reading (first day of the cycle) and opportunity that is won or open. -#}

with parameters as (

    select * from {{ ref('dim_parameters') }}

),

-- A deal closed before its creation has no believable length: dq_opportunity_dates lists it.
opportunities as (

    select * from {{ ref('fct_opportunities') }}
    where not is_excluded and not has_close_before_creation and (is_won or is_open)

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

readings as (

    select 'from_first_touch' as reading
    union all
    select 'from_creation' as reading

),

started as (

    select
        readings.reading,
        opportunities.opportunity_key,
        opportunities.customer_key,
        case when readings.reading = 'from_creation' then opportunities.created_date else opportunities.first_touch_date end as started_date,
        case when opportunities.is_won then opportunities.close_date else parameters.as_of_date end as ended_date,
        cast(date_trunc('month', opportunities.created_date) as date) as created_month,
        opportunities.is_won,
        opportunities.customer_segment,
        opportunities.region,
        opportunities.team,
        coalesce(employees.employee_id, 'unknown') as employee,
        opportunities.product_category,
        coalesce(channels.channel, 'unknown') as channel,
        coalesce(campaigns.campaign_id, 'unknown') as campaign
    from opportunities
    cross join parameters
    cross join readings
    left join employees on opportunities.employee_key = employees.employee_key
    left join channels on opportunities.channel_key = channels.channel_key
    left join campaigns on opportunities.campaign_key = campaigns.campaign_key

),

final as (

    select
        reading,
        opportunity_key,
        customer_key,
        started_date,
        ended_date,
        {{ days_between('started_date', 'ended_date') }} as cycle_days,
        not is_won as is_censored,
        created_month,
        case when is_won then cast(date_trunc('month', ended_date) as date) end as won_month,
        customer_segment,
        region,
        team,
        employee,
        product_category,
        channel,
        campaign
    from started
    where started_date is not null and ended_date is not null

)

select * from final

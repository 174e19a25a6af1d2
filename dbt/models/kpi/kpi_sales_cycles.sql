{#- Grain: one row per reading (first day of the cycle) and opportunity that is won or open. -#}

with parameters as (

    select * from {{ ref('dim_parameters') }}

),

-- A deal closed before its creation has no believable length: dq_opportunity_dates lists it.
opportunities as (

    select * from {{ ref('kpi_opportunities') }}
    where (is_won or is_open) and not has_close_before_creation

),

readings as (

    select 'from_first_touch' as reading
    union all
    select 'from_creation' as reading

),

final as (

    select
        readings.reading,
        opportunities.opportunity_key,
        opportunities.customer_key,
        {{ days_between(
            "case when readings.reading = 'from_creation' then opportunities.created_date else opportunities.first_touch_date end",
            "case when opportunities.is_won then opportunities.close_date else parameters.as_of_date end",
        ) }} as cycle_days,
        opportunities.is_open as is_censored,
        opportunities.created_month,
        case when opportunities.is_won then opportunities.closed_month end as won_month,
        opportunities.customer_segment,
        opportunities.region,
        opportunities.team,
        opportunities.employee,
        opportunities.product_category,
        opportunities.channel,
        opportunities.campaign
    from opportunities
    cross join parameters
    cross join readings
    where opportunities.created_date is not null and (opportunities.is_open or opportunities.close_date is not null)

)

select * from final

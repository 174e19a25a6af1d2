{#- Grain: one row per open opportunity. -#}

with parameters as (

    select * from {{ ref('dim_parameters') }}

),

pipeline_months as (

    select * from {{ ref('kpi_pipeline_months') }}

),

final as (

    select
        pipeline_months.opportunity_key,
        pipeline_months.customer_key,
        pipeline_months.employee_key,
        pipeline_months.stage_name,
        pipeline_months.age_days,
        pipeline_months.days_in_stage,
        pipeline_months.usual_days,
        pipeline_months.is_stale,
        pipeline_months.amount,
        pipeline_months.expected_close_date,
        cast(date_trunc('month', pipeline_months.expected_close_date) as date) as expected_close_month,
        pipeline_months.overdue_days,
        pipeline_months.is_overdue,
        pipeline_months.slippage_count,
        pipeline_months.slipped_days,
        pipeline_months.customer_segment,
        pipeline_months.region,
        pipeline_months.team,
        pipeline_months.employee,
        pipeline_months.product_category,
        pipeline_months.channel,
        pipeline_months.campaign
    from pipeline_months
    cross join parameters
    where pipeline_months.month = parameters.as_of_month

)

select * from final

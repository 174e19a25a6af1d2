{#- Grain: one row per open opportunity that has been in its stage much longer than deals that are won usually are. -#}

with pipeline as (

    select * from {{ ref('kpi_pipeline') }}
    where is_stale

),

opportunities as (

    select * from {{ ref('fct_opportunities') }}

),

final as (

    select
        pipeline.opportunity_key,
        pipeline.customer_key,
        cast(
            row_number() over (
                order by pipeline.amount desc nulls last, pipeline.days_in_stage desc, pipeline.opportunity_key asc
            ) as bigint
        ) as rank_number,
        'In ' || pipeline.stage_name || ' for ' || cast(cast(round(pipeline.days_in_stage) as bigint) as string)
        || ' days, usually ' || cast(cast(round(pipeline.usual_days) as bigint) as string) || ' days'
        || case
            when pipeline.is_overdue
                then ', expected close ' || cast(cast(pipeline.overdue_days as bigint) as string) || ' days overdue'
            else ''
        end as reason,
        opportunities.opportunity_id,
        pipeline.employee_key,
        pipeline.employee as employee_id,
        pipeline.stage_name,
        pipeline.days_in_stage,
        pipeline.usual_days,
        pipeline.amount,
        pipeline.expected_close_date
    from pipeline
    inner join opportunities on pipeline.opportunity_key = opportunities.opportunity_key

)

select * from final

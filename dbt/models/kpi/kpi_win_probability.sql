{#- Grain: one row per customer segment, stage and age in that stage. -#}

with learned as (

    select * from {{ source('fitted', 'stage_win_probabilities') }}

),

win_shares as (

    select * from {{ ref('pred_stage_win_shares') }}
    where purpose = 'fit'

),

-- A stage in which no deal was closed yet has the share of all; withheld figures leave the baseline alone.
final as (

    select
        learned.customer_segment,
        learned.stage_name,
        learned.days_in_stage,
        case
            when learned.is_publishable then learned.win_probability else coalesce(stage_shares.won_share, overall_shares.won_share)
        end as win_probability,
        case when learned.is_publishable then learned.lower_probability end as lower_probability,
        case when learned.is_publishable then learned.upper_probability end as upper_probability,
        case when learned.is_publishable then learned.days_to_win end as days_to_win,
        coalesce(stage_shares.won_share, overall_shares.won_share) as baseline_probability,
        case when learned.is_publishable then 'stage_hazards' else 'stage_share' end as method
    from learned
    left join win_shares as stage_shares on learned.stage_name = stage_shares.stage_name
    left join win_shares as overall_shares on overall_shares.stage_name = 'total'

)

select * from final

{#- Grain: one row per campaign that kept a control group, dimension (total, argument) and member. -#}

with lifts as (

    select * from {{ ref('kpi_experiment_lifts') }}
    where experiment_type = 'campaign' and control_count > 0

),

campaigns as (

    select * from {{ ref('dim_campaigns') }}

),

final as (

    select
        {{ surrogate_key(['lifts.experiment', 'lifts.dimension', 'lifts.member']) }} as campaign_lift_key,
        lifts.experiment as campaign_key,
        campaigns.campaign_name,
        lifts.dimension,
        lifts.member,
        lifts.first_assigned_date,
        lifts.last_assigned_date,
        lifts.treated_count,
        lifts.treated_converted_count,
        lifts.control_count,
        lifts.control_converted_count,
        lifts.responded_count,
        lifts.control_contacted_count,
        lifts.treated_rate,
        lifts.control_rate,
        lifts.absolute_lift,
        lifts.relative_lift,
        lifts.lower_bound,
        lifts.upper_bound,
        lifts.lower_bound > 0 or lifts.upper_bound < 0 as is_significant,
        lifts.minimum_detectable_effect,
        lifts.incremental_margin_amount,
        lifts.cost_amount,
        lifts.incremental_margin_amount - lifts.cost_amount as incremental_profit_amount,
        lifts.incremental_margin_amount - lifts.cost_amount - lifts.margin_width_amount as profit_lower_amount,
        lifts.incremental_margin_amount - lifts.cost_amount + lifts.margin_width_amount as profit_upper_amount,
        lifts.open_count,
        lifts.open_count = 0 as is_final
    from lifts
    inner join campaigns on lifts.experiment = campaigns.campaign_key

)

select * from final

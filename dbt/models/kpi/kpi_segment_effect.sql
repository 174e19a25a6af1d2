{#- Grain: one row per segment (all: the whole programme), dimension (total, argument, programme) and member. -#}

with lifts as (

    select * from {{ ref('kpi_experiment_lifts') }}
    where experiment_type <> 'campaign' and (experiment_type = 'segment' or dimension = 'total')

),

balances as (

    select * from {{ ref('kpi_holdout_balance') }}
    where dimension = 'total'

),

named as (

    select
        *,
        case when experiment_type = 'programme' then 'all' else experiment end as segment,
        case when experiment_type = 'programme' then 'programme' else dimension end as effect_dimension,
        case when experiment_type = 'programme' then 'all' else member end as effect_member
    from lifts

),

final as (

    select
        {{ surrogate_key(['named.segment', 'named.effect_dimension', 'named.effect_member']) }} as segment_effect_key,
        named.segment,
        named.effect_dimension as dimension,
        named.effect_member as member,
        named.first_assigned_date,
        named.last_assigned_date,
        cast(named.holdout_share as double) as holdout_share,
        named.treated_count,
        named.treated_converted_count,
        named.control_count as holdout_count,
        named.control_converted_count as holdout_converted_count,
        named.contacted_count,
        round({{ safe_ratio('named.contacted_count', 'named.treated_count') }}, 9) as contacted_rate,
        named.responded_count,
        named.control_contacted_count as holdout_contacted_count,
        named.treated_rate,
        named.control_rate as holdout_rate,
        named.absolute_lift,
        named.relative_lift,
        named.lower_bound,
        named.upper_bound,
        named.lower_bound > 0 or named.upper_bound < 0 as is_significant,
        named.minimum_detectable_effect,
        named.incremental_margin_amount,
        named.cost_amount,
        named.incremental_margin_amount - named.cost_amount as incremental_profit_amount,
        named.incremental_margin_amount - named.cost_amount - named.margin_width_amount as profit_lower_amount,
        named.incremental_margin_amount - named.cost_amount + named.margin_width_amount as profit_upper_amount,
        balances.chi2 as sample_ratio_chi2,
        balances.is_balanced,
        named.open_count,
        named.other_draw_count,
        named.open_count = 0 as is_final
    from named
    left join balances on named.experiment = balances.scope

)

select * from final

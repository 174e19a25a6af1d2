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

-- Better than each of the others, and not by chance: its interval lies above theirs.
winners as (

    select
        arguments.experiment,
        arguments.dimension,
        arguments.member
    from lifts as arguments
    inner join lifts as rivals
        on
            arguments.experiment = rivals.experiment
            and arguments.dimension = rivals.dimension
            and arguments.member <> rivals.member
    group by arguments.experiment, arguments.dimension, arguments.member
    having min(arguments.lower_bound) > max(rivals.upper_bound)

),

-- As many customers with a share s held out would detect the lift if 1 / (s × (1 − s)) were this; 4 is that of a half, the most there is.
sized as (

    select
        *,
        case
            when absolute_lift > 0
                then power(absolute_lift / minimum_detectable_effect * (treated_count + control_count), 2) / (treated_count * control_count)
        end as reach
    from named

),

final as (

    select
        {{ surrogate_key(['sized.segment', 'sized.effect_dimension', 'sized.effect_member']) }} as segment_effect_key,
        sized.segment,
        sized.effect_dimension as dimension,
        sized.effect_member as member,
        sized.first_assigned_date,
        sized.last_assigned_date,
        cast(sized.holdout_share as double) as holdout_share,
        sized.treated_count,
        sized.treated_converted_count,
        sized.control_count as holdout_count,
        sized.control_converted_count as holdout_converted_count,
        sized.contacted_count,
        round(cast(sized.contacted_count as double) / sized.treated_count, 9) as contacted_rate,
        sized.responded_count,
        sized.control_contacted_count as holdout_contacted_count,
        sized.treated_rate,
        sized.control_rate as holdout_rate,
        sized.absolute_lift,
        sized.relative_lift,
        sized.lower_bound,
        sized.upper_bound,
        sized.lower_bound > 0 or sized.upper_bound < 0 as is_significant,
        sized.minimum_detectable_effect,
        case when sized.reach >= 4 then round((1 - sqrt(greatest(1 - 4 / sized.reach, 0))) / 2, 9) end as required_share,
        sized.incremental_margin_amount,
        sized.cost_amount,
        sized.incremental_margin_amount - sized.cost_amount as incremental_profit_amount,
        sized.incremental_margin_amount - sized.cost_amount - sized.margin_width_amount as profit_lower_amount,
        sized.incremental_margin_amount - sized.cost_amount + sized.margin_width_amount as profit_upper_amount,
        balances.chi2 as sample_ratio_chi2,
        balances.is_balanced,
        winners.member is not null as is_winner,
        sized.open_count,
        sized.other_draw_count,
        sized.open_count = 0 as is_final
    from sized
    left join balances on sized.experiment = balances.scope
    left join winners
        on
            sized.experiment = winners.experiment
            and sized.dimension = winners.dimension
            and sized.member = winners.member

)

select * from final

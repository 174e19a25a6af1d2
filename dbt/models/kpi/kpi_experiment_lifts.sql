{#- Grain: one row per experiment, dimension (total, argument) and member of it that somebody was treated with. -#}
{#- Standard normal quantiles of 97.5 % (two-sided 95 %) and of 80 %. -#}
{%- set z = 1.959963984540054 %}
{%- set z_power = 0.8416212335729143 %}

with outcomes as (

    select * from {{ ref('kpi_experiment_outcomes') }}

),

-- Who can still order, or was drawn with another share, is counted on neither side.
followed as (

    select
        *,
        is_over and is_same_draw as is_counted
    from outcomes

),

assigned as (

    select
        experiment_type,
        experiment,
        max(holdout_share) filter (where is_same_draw) as holdout_share,
        count(*) filter (where not is_over) as open_count,
        count(*) filter (where is_over and not is_same_draw) as other_draw_count
    from followed
    group by experiment_type, experiment

),

summed as (

    select
        experiment_type,
        experiment,
        is_treated,
        case when grouping(argument) = 0 then 'argument' else 'total' end as dimension,
        coalesce(argument, 'total') as member,
        min(assigned_date) as first_assigned_date,
        max(assigned_date) as last_assigned_date,
        count(*) as customer_count,
        count(*) filter (where is_converted) as converted_count,
        count(*) filter (where contact_count > 0) as contacted_count,
        count(*) filter (where is_responded) as responded_count,
        cast(sum(contact_cost) as decimal(18, 2)) as cost_amount,
        cast(sum(margin_amount) as decimal(18, 2)) as margin_amount,
        sum(cast(margin_amount * margin_amount as decimal(38, 4))) as squared_margin
    from followed
    where is_counted
    group by grouping sets ((experiment_type, experiment, is_treated), (experiment_type, experiment, is_treated, argument))

),

-- Limits by Wilson's score, which hold for no conversion and for nothing but conversions.
rated as (

    select
        *,
        cast(converted_count as double) / customer_count as rate,
        (converted_count + {{ z }} * {{ z }} / 2) / (customer_count + {{ z }} * {{ z }}) as center,
        {{ z }} * sqrt(
            cast(converted_count as double) * (customer_count - converted_count) / customer_count + {{ z }} * {{ z }} / 4
        ) / (customer_count + {{ z }} * {{ z }}) as half_width,
        greatest(cast(squared_margin as double) - power(cast(margin_amount as double), 2) / customer_count, 0)
        / nullif(customer_count - 1, 0) as margin_variance
    from summed
    where dimension = 'total' or member <> 'unknown'

),

-- Every treated group is held against the whole control group; without one there is nothing to say about the effect.
compared as (

    select
        treated.*,
        coalesce(control.customer_count, 0) as control_count,
        coalesce(control.converted_count, 0) as control_converted_count,
        coalesce(control.contacted_count, 0) as control_contacted_count,
        control.rate as control_rate,
        treated.rate - control.rate as lift,
        sqrt(
            power(treated.rate - (treated.center - treated.half_width), 2)
            + power(control.center + control.half_width - control.rate, 2)
        ) as width_below,
        sqrt(
            power(treated.center + treated.half_width - treated.rate, 2)
            + power(control.rate - (control.center - control.half_width), 2)
        ) as width_above,
        ({{ z }} + {{ z_power }}) * sqrt(
            cast(control.converted_count + 1 as double) * (control.customer_count - control.converted_count + 1)
            / power(control.customer_count + 2, 2)
            * (cast(1 as double) / treated.customer_count + cast(1 as double) / control.customer_count)
        ) as detectable,
        treated.margin_amount
        - cast(control.margin_amount as double) * treated.customer_count / control.customer_count as incremental_margin,
        {{ z }} * treated.customer_count * sqrt(
            treated.margin_variance / treated.customer_count + control.margin_variance / control.customer_count
        ) as margin_width
    from rated as treated
    left join rated as control
        on
            treated.experiment_type = control.experiment_type
            and treated.experiment = control.experiment
            and not control.is_treated
            and control.dimension = 'total'
    where treated.is_treated

),

final as (

    select
        {{ surrogate_key(['compared.experiment_type', 'compared.experiment', 'dimension', 'member']) }} as experiment_lift_key,
        compared.experiment_type,
        compared.experiment,
        compared.dimension,
        compared.member,
        compared.first_assigned_date,
        compared.last_assigned_date,
        assigned.holdout_share,
        compared.customer_count as treated_count,
        compared.converted_count as treated_converted_count,
        compared.control_count,
        compared.control_converted_count,
        compared.contacted_count,
        compared.responded_count,
        compared.control_contacted_count,
        round(compared.rate, 9) as treated_rate,
        round(compared.control_rate, 9) as control_rate,
        round(compared.lift, 9) as absolute_lift,
        round(compared.lift / nullif(compared.control_rate, 0), 9) as relative_lift,
        round(compared.lift - compared.width_below, 9) as lower_bound,
        round(compared.lift + compared.width_above, 9) as upper_bound,
        round(compared.detectable, 9) as minimum_detectable_effect,
        cast(round(compared.incremental_margin, 2) as decimal(18, 2)) as incremental_margin_amount,
        cast(round(compared.margin_width, 2) as decimal(18, 2)) as margin_width_amount,
        compared.cost_amount,
        assigned.open_count,
        assigned.other_draw_count
    from compared
    inner join assigned on compared.experiment_type = assigned.experiment_type and compared.experiment = assigned.experiment

)

select * from final

{#- Grain: one row per segment (all: the whole programme) and suggestion. -#}
{%- set least_share = 0.05 %}
{%- set first_share = 0.10 %}
{%- set is_trusted = 'coalesce(is_balanced, true)' %}
{%- set effect = "'Lift ' || lift || ' points, between ' || lower_limit || ' and ' || upper_limit || ', '" %}
{%- set suggestions = {
    'check_draw': ('is_balanced = false', 'null', 'null', 'null',
        "'The holdout is not of the size that chance draws. Find out why before believing any figure of this list.'"),
    'check_holdout': ('holdout_contacted_count > 0', 'null', 'null', 'null',
        "'Contacted all the same: ' || holdout_contacted_count || ' of ' || holdout_count || ' customers held out. Send to the newest list only.'"),
    'check_use': ('contacted_count = 0', 'null', 'null', 'null',
        "'No campaign says that it contacted one of the ' || treated_count || ' customers of the list. Use the list, or name it in the campaign.'"),
    'hold_out': ('current_share = 0 and holdout_count = 0', "'holdout_share'", 'current_share', "'" ~ '%.2f' % first_share ~ "'",
        "'Nobody is held out, so nobody will ever know what the list causes. Hold one customer in ten out.'"),
    'stop': ('upper_bound < 0 and ' ~ is_trusted, "'expires'", 'null', "'tonight'",
        effect ~ " || 'is below zero: the list makes fewer customers buy. Stop it, or change what it says.'"),
    'spend_less': ('upper_bound >= 0 and profit_upper_amount < 0 and ' ~ is_trusted, 'null', 'null', 'null',
        effect ~ " || 'brings less than the ' || cost_amount || ' it costs. Use a cheaper way, or fewer customers.'"),
    'lower_holdout': (
        'lower_bound > 0 and profit_lower_amount > 0 and current_share > ' ~ least_share ~ ' and ' ~ is_trusted,
        "'holdout_share'", 'current_share', 'halved_share',
        effect ~ " || 'is above zero and pays for itself. A smaller holdout is enough to keep watch.'"),
    'raise_holdout': ('not is_significant and is_reachable and ' ~ is_trusted, "'holdout_share'", 'current_share', 'needed_share',
        effect ~ " || 'is not certain. As many customers with a larger holdout would show an effect of this size.'"),
    'measure_longer': ('not is_significant and not is_reachable and ' ~ is_trusted, 'null', 'null', 'null',
        effect ~ " || 'is not certain. So many customers show ' || detectable || ' points or more: wait, or aim the list at more.'"),
    'use_argument': ('best_argument is not null', "'argument'", 'null', 'best_argument',
        "'The argument ' || best_argument || ' makes more customers buy than any other, beyond chance. Use it.'"),
} %}

with parameters as (

    select * from {{ ref('dim_parameters') }}

),

segments as (

    select * from {{ ref('dim_segments') }}
    where is_active

),

effects as (

    select * from {{ ref('kpi_segment_effect') }}

),

settings as (

    select
        segment,
        cast({{ rounded('holdout_share', 2) }} as decimal(3, 2)) as current_share
    from segments
    union all
    select
        'all' as segment,
        cast({{ rounded('global_holdout_share', 2) }} as decimal(3, 2)) as current_share
    from parameters

),

winners as (

    select
        segment,
        member as best_argument
    from effects
    where is_winner

),

-- Shares in steps of one twentieth, effects in points of a hundred.
told as (

    select
        effects.*,
        winners.best_argument,
        settings.current_share,
        greatest(
            cast({{ least_share }} as decimal(3, 2)), cast({{ rounded('cast(settings.current_share as double) / 2', 2) }} as decimal(3, 2))
        ) as halved_share,
        cast({{ rounded('ceil(round(effects.required_share * 20, 6)) / 20', 2) }} as decimal(3, 2)) as needed_share,
        cast({{ rounded('100 * effects.absolute_lift', 2) }} as decimal(9, 2)) as lift,
        cast({{ rounded('100 * effects.lower_bound', 2) }} as decimal(9, 2)) as lower_limit,
        cast({{ rounded('100 * effects.upper_bound', 2) }} as decimal(9, 2)) as upper_limit,
        cast({{ rounded('100 * effects.minimum_detectable_effect', 2) }} as decimal(9, 2)) as detectable
    from effects
    inner join settings on effects.segment = settings.segment
    left join winners on effects.segment = winners.segment
    where effects.dimension <> 'argument'

),

-- A larger holdout would do, if that share is larger than the one there is.
judged as (

    select
        *,
        coalesce(needed_share > current_share, false) as is_reachable
    from told

),

suggested as (

    {% for suggestion, (condition, setting, current, suggested, sentence) in suggestions.items() -%}
    select
        '{{ suggestion }}' as suggestion,
        {{ sentence }} as sentence,
        cast({{ setting }} as string) as setting,
        cast({{ current }} as string) as current_value,
        cast({{ suggested }} as string) as suggested_value,
        judged.*
    from judged
    where {{ condition }}
    {{ 'union all' if not loop.last }}
    {% endfor %}

),

final as (

    select
        {{ surrogate_key(['segment', 'suggestion']) }} as segment_suggestion_key,
        segment,
        suggestion,
        sentence,
        setting,
        current_value,
        suggested_value,
        treated_count,
        holdout_count,
        contacted_count,
        absolute_lift,
        lower_bound,
        upper_bound,
        minimum_detectable_effect,
        cost_amount,
        incremental_profit_amount,
        profit_lower_amount,
        profit_upper_amount,
        sample_ratio_chi2,
        is_final
    from suggested

)

select * from final

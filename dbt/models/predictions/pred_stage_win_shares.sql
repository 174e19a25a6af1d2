{#- Grain: one row per purpose and stage that a closed deal has passed, and one for all stages together. -#}

with stays as (

    select * from {{ ref('pred_stage_stays') }}
    where purpose <> 'today'

),

-- A deal has at most one outcome, at the end of its last stay.
outcomes as (

    select
        purpose,
        opportunity_key,
        bool_or(destination = 'won') as is_won
    from stays
    where destination in ('won', 'lost')
    group by purpose, opportunity_key

),

passed as (

    select
        stays.purpose,
        stays.opportunity_key,
        stays.stage_name,
        outcomes.is_won
    from stays
    inner join outcomes on stays.purpose = outcomes.purpose and stays.opportunity_key = outcomes.opportunity_key
    group by all

),

counted as (

    select
        purpose,
        coalesce(stage_name, 'total') as stage_name,
        count(distinct opportunity_key) as closed_count,
        count(distinct case when is_won then opportunity_key end) as won_count
    from passed
    group by grouping sets ((purpose), (purpose, stage_name))

),

final as (

    select
        purpose,
        stage_name,
        closed_count,
        won_count,
        {{ safe_ratio('won_count', 'closed_count') }} as won_share
    from counted

)

select * from final

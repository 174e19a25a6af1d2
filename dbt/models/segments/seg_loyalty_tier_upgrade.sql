{#- Grain: one row per active customer whose membership is within reach of the next loyalty tier. -#}

with parameters as (

    select * from {{ ref('dim_parameters') }}

),

tiers as (

    select * from {{ ref('loyalty_tiers') }}

),

members as (

    select * from {{ ref('kpi_loyalty_members') }}
    where is_member and customer_key <> 'unknown'

),

customers as (

    select * from {{ ref('dim_customers') }}
    where is_current and not is_deleted

),

active_customers as (

    select * from {{ ref('kpi_purchase_stretches') }}
    where lost_date is null

),

steps as (

    select
        program_id,
        tier,
        lead(tier) over (partition by program_id order by min_earned_points) as next_tier,
        lead(min_earned_points) over (partition by program_id order by min_earned_points) as next_tier_points
    from tiers

),

-- Of several cards the one that is nearest. Who has the points already, needs no mail but the tier.
within_reach as (

    select
        members.customer_key,
        members.program_id,
        members.tier,
        members.earned_points,
        members.points_balance,
        steps.next_tier,
        steps.next_tier_points,
        steps.next_tier_points - members.earned_points as missing_points
    from members
    cross join parameters
    inner join steps on members.program_id = steps.program_id and members.tier = steps.tier
    inner join customers on members.customer_key = customers.customer_key
    inner join active_customers on members.customer_key = active_customers.customer_key
    where
        steps.next_tier_points > members.earned_points
        and steps.next_tier_points - members.earned_points <= round(parameters.tier_upgrade_missing_rate * steps.next_tier_points, 6)
    qualify
        row_number() over (
            partition by members.customer_key
            order by steps.next_tier_points - members.earned_points asc, members.member_key asc
        ) = 1

),

final as (

    select
        customer_key,
        cast(row_number() over (order by missing_points asc, earned_points desc, customer_key asc) as bigint) as rank_number,
        cast(missing_points as string) || case when missing_points = 1 then ' point' else ' points' end || ' short of ' || next_tier
        || ': ' || cast(earned_points as string) || ' of ' || cast(next_tier_points as string) || ' earned, now ' || tier as reason,
        program_id,
        tier,
        next_tier,
        earned_points,
        next_tier_points,
        missing_points,
        points_balance
    from within_reach

)

select * from final

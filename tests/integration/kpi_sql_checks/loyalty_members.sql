-- kpi_loyalty_members: person, joined, left, level, balance, earned, redeemed, expired, adjusted, cost of rewards.
select
    person_id,
    min(moved_at) filter (where kind = 'join')::date as joined,
    max(moved_at) filter (where kind = 'leave')::date as left_on,
    arg_max(tier, (moved_at, movement_id)) as tier,
    sum(points) as balance,
    coalesce(sum(points) filter (where kind in ('join', 'earn')), 0) as earned,
    coalesce(-sum(points) filter (where kind = 'redeem'), 0) as redeemed,
    coalesce(-sum(points) filter (where kind in ('expire', 'leave')), 0) as expired,
    coalesce(sum(points) filter (where kind = 'adjust'), 0) as adjusted,
    coalesce(sum(reward_cost), 0)::decimal(18, 2) as reward_cost
from club_movements
group by person_id

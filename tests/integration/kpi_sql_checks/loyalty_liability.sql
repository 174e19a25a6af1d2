-- kpi_loyalty_liability_monthly: month, points outstanding at the cost of the last twelve months, members.
select
    months.month,
    (
        (select sum(points) from club_movements where club_movements.month <= months.month) * coalesce(
            (
                select sum(reward_cost) / sum(-points) from club_movements
                where
                    kind = 'redeem'
                    and club_movements.month <= months.month
                    and club_movements.month > months.month - interval 12 month
            ),
            0.01
        )::decimal(18, 4)
    )::decimal(18, 4) as numerator,
    (select count(*) from club_movements where kind = 'join' and club_movements.month <= months.month)
    - (select count(*) from club_movements where kind = 'leave' and club_movements.month <= months.month) as denominator
from months
where months.month >= (select min(club_movements.month) from club_movements)

-- kpi_churn_inactivity_monthly (window 180 days): month, lost, active at the start. By existence, without stretches.
with losses as (
    select
        person_id,
        order_date + 180 as lost_date
    from purchases
    where
        order_date + 180 <= (select as_of from run)
        and not exists (
            from purchases as later
            where
                later.person_id = purchases.person_id
                and later.order_date > purchases.order_date
                and later.order_date <= purchases.order_date + 180
        )
),

states as (
    select distinct
        months.month,
        purchases.person_id
    from months
    inner join purchases on purchases.order_date < months.month and purchases.order_date + 180 >= months.month
)

select
    states.month,
    count(losses.person_id) as numerator,
    count(*) as denominator
from states
left join losses on states.person_id = losses.person_id and month_of(losses.lost_date) = states.month
group by states.month

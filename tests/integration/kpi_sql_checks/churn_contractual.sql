-- kpi_churn_contractual_monthly (30 days of grace): month, lost, active at the start. By existence, without stretches.
with kept as (
    select
        *,
        coalesce(ended, date '9999-12-31') as last_day
    from agreements
    where person_id is not null and (ended is null or ended >= started)
),

-- An end is one when the customer has no other contract then, none begins within grace, and the grace is over.
ends as (
    select distinct
        person_id,
        last_day
    from kept as ended_contract
    where
        date_diff('day', last_day, (select as_of from run)) > 30
        and not exists (
            from kept as other
            where
                other.person_id = ended_contract.person_id
                and other.last_day > ended_contract.last_day
                and date_diff('day', ended_contract.last_day, other.started) <= 30
        )
),

states as (
    select distinct
        months.month,
        kept.person_id
    from months
    inner join kept on kept.started < months.month
    where not exists (
        from ends
        where ends.person_id = kept.person_id and ends.last_day >= kept.started and ends.last_day < months.month
    )
)

select
    states.month,
    count(ends.person_id) as numerator,
    count(*) as denominator
from states
left join ends on states.person_id = ends.person_id and month_of(ends.last_day) = states.month
group by states.month

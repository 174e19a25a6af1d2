-- kpi_revenue_retention_monthly: reading, month, gross or net of the cohort of a year before, its start, customers. Full windows only.
with cohorts as (
    select
        reading,
        person_id,
        (month + interval 12 months)::date as month,
        amount as before_amount
    from levels
    where
        amount > 0
        and (
            reading = 'contract'
            or month >= (
                select min(month) + interval 11 months from levels
                where amount > 0 and reading = 'rolling'
            )
        )
),

pairs as (
    select
        cohorts.reading,
        cohorts.month,
        cohorts.before_amount,
        coalesce((
            select levels.amount from levels
            where levels.reading = cohorts.reading and levels.person_id = cohorts.person_id and levels.month = cohorts.month
        ), 0) as after_amount
    from cohorts
    where cohorts.month <= (select as_of from run)
)

select
    reading || '_gross' as reading,
    month,
    sum(if(after_amount > before_amount, before_amount, after_amount)) as numerator,
    sum(before_amount) as denominator,
    count(*) as cohort_count
from pairs
group by all
union all
select
    reading || '_net' as reading,
    month,
    sum(after_amount) as numerator,
    sum(before_amount) as denominator,
    count(*) as cohort_count
from pairs
group by all

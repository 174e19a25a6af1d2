-- kpi_survey_response_rate_monthly: reading, month of the invitation, answered, invited.
with invited as (
    select
        instrument as reading,
        *
    from asked
    union all
    select
        'all' as reading,
        *
    from asked
)

select
    reading,
    month_of(invited_date) as month,
    count(mark) as numerator,
    count(*) as denominator
from invited
where invited_date <= (select as_of from run)
group by all

-- kpi_nps_monthly (window 90 days): month, dimension, member, promoters less detractors, answers. By looking back from every month.
with seen as (
    select
        months.month,
        answered.*
    from months
    inner join answered
        on
            answered.instrument = 'nps'
            and answered.answered_date <= least(last_day(months.month), (select as_of from run))
            and answered.answered_date > least(last_day(months.month), (select as_of from run)) - 90
    qualify
        row_number() over (partition by months.month, answered.respondent order by answered.answered_at desc, answered.response_id desc) = 1
),

cut as (
    select
        'total' as dimension,
        'total' as member,
        *
    from seen
    union all
    select
        'team' as dimension,
        team as member,
        *
    from seen
    union all
    select
        'occasion' as dimension,
        occasion as member,
        *
    from seen
)

select
    month,
    dimension,
    member,
    count(*) filter (where points >= 9) - count(*) filter (where points <= 6) as numerator,
    count(*) as denominator
from cut
group by all

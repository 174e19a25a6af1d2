-- kpi_csat_monthly: reading, month, satisfied, rated, mean.
with ranked as (
    select
        *,
        row_number() over (rated order by answered_at, response_id) as rank_up,
        row_number() over (rated order by answered_at desc, response_id desc) as rank_down
    from answered
    where instrument = 'csat'
    window rated as (partition by respondent, coalesce(ticket_id, response_id))
),

kept as (
    select
        'first' as reading,
        *
    from ranked
    where rank_up = 1
    union all
    select
        'last' as reading,
        *
    from ranked
    where rank_down = 1
)

select
    reading,
    month_of(answered_date) as month,
    count(*) filter (where points >= 4) as numerator,
    count(*) as denominator,
    round(avg(points), 6) as mean_score
from kept
group by all

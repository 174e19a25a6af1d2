-- kpi_ces_monthly: month, easy answers, answers, mean. Of several about one ticket by one respondent the last.
with kept as (
    from answered
    where instrument = 'ces'
    qualify
        row_number() over (partition by respondent, coalesce(ticket_id, response_id) order by answered_at desc, response_id desc) = 1
)

select
    month_of(answered_date) as month,
    count(*) filter (where points between 5 and 7) as numerator,
    count(*) as denominator,
    round(avg(points), 6) as mean_score
from kept
group by all

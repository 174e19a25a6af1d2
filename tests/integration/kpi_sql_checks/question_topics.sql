-- kpi_question_topics_monthly over all segments, months with a question: month, topic, product, tickets, complaints, three months before.
with asked as (
    select
        month_of(created_at) as month,
        topic,
        product,
        is_complaint
    from served
    where not is_outbound
)

select
    month,
    topic,
    product,
    count(*) as tickets,
    count(*) filter (where is_complaint) as complaints,
    case
        when month >= (select min(month) from asked) + interval 3 month
            then (
                select count(*) from asked as earlier
                where
                    earlier.topic = asked.topic
                    and earlier.product = asked.product
                    and earlier.month < asked.month
                    and earlier.month >= asked.month - interval 3 month
            )
    end as tickets_before
from asked
group by all

-- kpi_complaint_rate_monthly: reading, month, dimension, member, numerator, denominator.
select
    reading,
    month,
    'total' as dimension,
    'total' as member,
    sum(complaints) as numerator,
    sum(orders) as denominator
from complaint_events
group by all
union all
select
    reading,
    month,
    'product' as dimension,
    product as member,
    sum(complaints) as numerator,
    sum(orders) as denominator
from complaint_events
where reading = 'per_product_order'
group by all

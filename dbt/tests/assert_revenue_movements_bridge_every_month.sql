{#- The bridge of revenue holds to the cent: start and movements of a month make its end, for every base and member. -#}

with movements as (

    select * from {{ ref('kpi_revenue_movements_monthly') }}

)

select
    base,
    month,
    dimension,
    member,
    count(*) as movement_count,
    min(denominator) as start_amount,
    sum(case when movement in ('contraction', 'churn') then -numerator else numerator end) as movement_amount,
    min(end_amount) as end_amount
from movements
group by base, month, dimension, member
having
    min(denominator) + sum(case when movement in ('contraction', 'churn') then -numerator else numerator end) <> min(end_amount)
    or min(denominator) <> max(denominator)
    or min(end_amount) <> max(end_amount)
    or count(*) <> 5

-- kpi_value_classes_monthly by revenue: month, class, customers, their revenue of twelve months.
with ranked as (
    select
        trailing_years.*,
        coalesce((
            select sum(bigger.revenue) from trailing_years as bigger
            where bigger.month = trailing_years.month and bigger.revenue > trailing_years.revenue and bigger.revenue > 0
        ), 0) as before_revenue,
        (
            select sum(every.revenue) from trailing_years as every
            where every.month = trailing_years.month and every.revenue > 0
        ) as all_revenue
    from trailing_years
    where month >= (select month_of(as_of) - interval 24 months from run)
)

select
    month,
    case
        when revenue <= 0 then 'C'
        when before_revenue / all_revenue < 0.8 then 'A'
        when before_revenue / all_revenue < 0.95 then 'B'
        else 'C'
    end as class,
    count(*) as customer_count,
    sum(revenue) as revenue
from ranked
group by all

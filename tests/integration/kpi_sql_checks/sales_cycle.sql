-- kpi_sales_cycle_monthly from creation: month, days, deals, median, p75, p90.
select
    month_of(close_date) as month,
    sum(close_date - created_date) as numerator,
    count(*) as denominator,
    round(quantile_cont(close_date - created_date, 0.5), 4) as median_days,
    round(quantile_cont(close_date - created_date, 0.75), 4) as p75_days,
    round(quantile_cont(close_date - created_date, 0.9), 4) as p90_days
from counted_deals
where is_won and close_date >= created_date
group by all

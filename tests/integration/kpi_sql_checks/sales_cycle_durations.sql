-- kpi_sales_cycles from creation, for the Kaplan–Meier estimate: month of creation, days, won.
select
    month_of(created_date) as month,
    coalesce(close_date, (select as_of from run)) - created_date as days,
    is_won
from counted_deals
where not is_closed or (is_won and close_date >= created_date)

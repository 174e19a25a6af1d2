-- Win rate, sales cycle from creation: figure, month, owner, numerator, denominator.
select
    'win_rate' as figure,
    month_of(counted_deals.close_date) as month,
    deal_owners.employee,
    count(*) filter (where counted_deals.is_won) as numerator,
    count(*) as denominator
from counted_deals
inner join deal_owners on counted_deals.deal_id = deal_owners.deal_id
where counted_deals.is_closed
group by all
union all
select
    'sales_cycle' as figure,
    month_of(counted_deals.close_date) as month,
    deal_owners.employee,
    sum(counted_deals.close_date - counted_deals.created_date) as numerator,
    count(*) as denominator
from counted_deals
inner join deal_owners on counted_deals.deal_id = deal_owners.deal_id
where counted_deals.is_won and counted_deals.close_date >= counted_deals.created_date
group by all

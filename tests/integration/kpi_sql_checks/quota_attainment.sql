-- kpi_quota_attainment_monthly: month, dimension, member, amount won, quota.
with won as (
    select
        deal_owners.employee,
        month_of(counted_deals.close_date) as month,
        sum(coalesce(counted_deals.amount, 0)) as won_amount
    from counted_deals
    inner join deal_owners on counted_deals.deal_id = deal_owners.deal_id
    where counted_deals.is_won
    group by all
),

agreed as (
    select
        quotas.employee_id as employee,
        months.month,
        arg_max(quotas.quota_amount, quotas.valid_from) as quota
    from months
    inner join quotas on months.month >= quotas.valid_from
    group by all
),

employee_months as (
    select
        coalesce(won.month, agreed.month) as month,
        coalesce(won.employee, agreed.employee) as employee,
        coalesce(won.won_amount, 0) as won_amount,
        coalesce(agreed.quota, 0) as quota
    from won
    full outer join agreed on won.employee = agreed.employee and won.month = agreed.month
)

select
    month,
    'employee' as dimension,
    employee as member,
    case when quota > 0 then won_amount else 0 end as numerator,
    quota as denominator,
    won_amount
from employee_months
union all
select
    employee_months.month,
    'team' as dimension,
    staff.team as member,
    coalesce(sum(employee_months.won_amount) filter (where employee_months.quota > 0), 0) as numerator,
    sum(employee_months.quota) as denominator,
    sum(employee_months.won_amount) as won_amount
from employee_months
inner join staff on employee_months.employee = staff.employee
group by all
union all
select
    month,
    'total' as dimension,
    'total' as member,
    coalesce(sum(won_amount) filter (where quota > 0), 0) as numerator,
    sum(quota) as denominator,
    sum(won_amount) as won_amount
from employee_months
group by all

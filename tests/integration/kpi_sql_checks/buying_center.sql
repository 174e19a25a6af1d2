-- kpi_buying_center_coverage_monthly: role, month, dimension, member, deals reached, deals closed.
with closed as (
    select
        deal_id,
        month_of(close_date) as month,
        close_date,
        case when is_won then 'won' else 'lost' end as outcome
    from counted_deals
    where is_closed
),

wanted as (
    select unnest(['decider', 'buyer', 'influencer', 'user', 'gatekeeper', 'any_role']) as role
),

answered as (
    select
        wanted.role,
        closed.month,
        closed.outcome,
        exists (
            from meetings
            inner join buying_roles on meetings.who_id = buying_roles.contact_id
            where
                meetings.deal_id = closed.deal_id
                and meetings.met_at::date <= closed.close_date
                and buying_roles.buying_role in ('decider', 'buyer', 'influencer', 'user', 'gatekeeper')
                and wanted.role in (buying_roles.buying_role, 'any_role')
        ) as is_reached
    from closed
    cross join wanted
)

select
    role as reading,
    month,
    case when grouping(outcome) = 0 then 'outcome' else 'total' end as dimension,
    coalesce(outcome, 'total') as member,
    count(*) filter (where is_reached) as numerator,
    count(*) as denominator
from answered
group by grouping sets ((role, month), (role, month, outcome))

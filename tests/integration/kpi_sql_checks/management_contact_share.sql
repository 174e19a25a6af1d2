-- kpi_management_contact_share_monthly: reading, month, activities that count, all activities.
with met as (
    select
        month_of(meetings.met_at) as month,
        coalesce(staff.is_manager, false) as is_manager,
        buying_roles.buying_role
    from meetings
    left join staff on meetings.employee = staff.employee
    left join buying_roles on meetings.who_id = buying_roles.contact_id
    left join deals on meetings.deal_id = deals.deal_id
    left join lead_persons on meetings.who_id = lead_persons.lead_id
    where
        coalesce(
            person('salesforce', meetings.account_id),
            person('salesforce', buying_roles.account_id),
            deals.person_id,
            lead_persons.person_id
        ) is not null
)

select
    'manager_share' as reading,
    month,
    count(*) filter (where is_manager) as numerator,
    count(*) as denominator
from met
group by all
union all
select
    'decider_share' as reading,
    month,
    count(*) filter (where buying_role = 'decider') as numerator,
    count(*) as denominator
from met
where coalesce(buying_role, '') <> ''
group by all

-- kpi_sales_cycle_monthly from first touch: month, days, deals.
with session_persons as (
    select
        session_id,
        visitor_id,
        started_at,
        is_bot,
        coalesce(
            (select any_value(person_id) from identities where source_system = 'shopify' and account_id = customer_id),
            (select any_value(person_id) from emails where emails.email = lower(trim(web_sessions.email)))
        ) as person_id
    from web_sessions
),

visitors as (
    select
        visitor_id,
        any_value(person_id) as person_id
    from session_persons
    where person_id is not null
    group by visitor_id
    having count(distinct person_id) = 1
),

touches as (
    select
        coalesce(session_persons.person_id, visitors.person_id) as person_id,
        session_persons.started_at as touched_at
    from session_persons
    left join visitors on session_persons.visitor_id = visitors.visitor_id
    where not coalesce(session_persons.is_bot, false)
    union all
    select
        (select any_value(person_id) from identities where source_system = 'mailchimp' and account_id = "LEID") as person_id,
        strptime("Timestamp", '%Y-%m-%d %H:%M:%S') as touched_at
    from mailchimp_activity
    where "Action" in ('open', 'click', 'reply', 'conversion') and lower("Is Proxy") not in ('true', '1', 'yes')
    union all
    select
        coalesce(accounts.person_id, deals.person_id, leads.person_id) as person_id,
        crm_moment(activities.moment) as touched_at
    from (
        select
            "AccountId" as account_id,
            "WhatId" as deal_id,
            "WhoId" as lead_id,
            "CompletedDateTime" as moment
        from salesforce_task
        where "Status" = 'Completed' and "TaskSubtype" in ('Call', 'Email') and "IsDeleted" = 'false'
            and (coalesce("CallDurationInSeconds", '') = '' or try_cast("CallDurationInSeconds" as double) is not null)
        union all
        select
            "AccountId" as account_id,
            "WhatId" as deal_id,
            "WhoId" as lead_id,
            "StartDateTime" as moment
        from salesforce_event
        where "Type" in ('Visit', 'Meeting') and "IsDeleted" = 'false'
    ) as activities
    left join (from identities where source_system = 'salesforce') as accounts on activities.account_id = accounts.account_id
    left join deals on activities.deal_id = deals.deal_id
    left join lead_persons as leads on activities.lead_id = leads.lead_id
),

won as (
    from counted_deals where is_won and close_date >= created_date
),

first_touches as (
    select
        won.deal_id,
        min(touches.touched_at) as touched_at
    from won
    inner join touches on won.person_id = touches.person_id
    where touches.touched_at < won.created_at and won.created_date - touches.touched_at::date <= 365
    group by won.deal_id
),

lead_creations as (
    select
        "ConvertedOpportunityId" as deal_id,
        min(crm_moment("CreatedDate")) as created_at
    from salesforce_lead
    group by all
)

select
    month_of(won.close_date) as month,
    sum(
        won.close_date
        - coalesce(
            first_touches.touched_at::date,
            case when lead_creations.created_at <= won.created_at then lead_creations.created_at::date end,
            won.created_date
        )
    ) as numerator,
    count(*) as denominator
from won
left join first_touches on won.deal_id = first_touches.deal_id
left join lead_creations on won.deal_id = lead_creations.deal_id
group by all

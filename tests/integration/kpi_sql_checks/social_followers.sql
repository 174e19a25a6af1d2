-- kpi_social_followers by month: followers who had not bought and are in no list of leads, and those who bought later.
with first_orders as (
    select
        person_id,
        min(ordered_at) as ordered_at
    from bought_orders
    where person_id is not null
    group by all
),

followers as (
    select
        coalesce(person_id, network || '|' || profile) as follower,
        any_value(person_id) as person_id,
        min(reacted_at) as followed_at
    from reactions
    where kind = 'follow' and reacted_at::date <= (select as_of from run)
    group by all
),

listed as (
    select lead_persons.person_id
    from lead_persons
    inner join (
        from salesforce_lead
        qualify row_number() over (partition by "Id" order by crm_moment("SystemModstamp") desc, file desc, line desc) = 1
    ) as told on lead_persons.lead_id = told."Id"
    where told."LeadKind__c" = 'Follower' and told."IsDeleted" <> 'true' and lead_persons.person_id is not null
)

select
    month_of(followers.followed_at) as month,
    count(*) as followers,
    count(first_orders.ordered_at) as buyers
from followers
left join first_orders on followers.person_id = first_orders.person_id
where
    (first_orders.ordered_at is null or first_orders.ordered_at >= followers.followed_at)
    and coalesce(followers.person_id not in (from listed), true)
group by all

-- kpi_campaign_lift (30 days): campaign, argument or total, treated, converted, responded, held out, converted, contacted of these, margin caused, cost.
-- On top of base_costs.sql and base_revenue.sql; by existence and plain sums, person by person.
with recipients as (
    from mailchimp_recipients
    where "Sent At" <> ''
    qualify row_number() over (partition by "Recipient ID" order by file desc, line desc) = 1
),

reacted as (
    select distinct "Recipient ID" as contact_id
    from mailchimp_activity
    where action in ('click', 'conversion') and lower("Is Proxy") not in ('true', '1', 'yes')
),

messages as (
    select
        recipients."Campaign ID" as campaign_id,
        recipients."Recipient ID" as contact_id,
        recipients."Sent At"::date as sent_on,
        recipients."Group" as arm,
        coalesce(nullif(recipients.argument, ''), 'unknown') as argument,
        identities.person_id,
        recipients."Recipient ID" in (from reacted) as has_reacted
    from recipients
    left join identities on identities.source_system = 'mailchimp' and recipients.leid = identities.account_id
    where recipients."Sent At"::date <= (select as_of from run)
),

prices as (
    select
        "Campaign ID" as campaign_id,
        coalesce(
            (
                select sum(amount) from ledger
                where ledger.campaign_id = "Campaign ID" and booked <= (select as_of from run)
            ),
            sum("Cost EUR"::decimal(18, 2)) filter (where "Group" = 'treated')
        )::double / count(*) filter (where "Group" = 'treated') as price
    from recipients
    group by "Campaign ID"
),

-- Whoever was held out first stays held out; 'control' comes before 'treated' on the same day.
persons as (
    select
        campaign_id,
        person_id,
        min(sent_on) as assigned_on,
        arg_min(arm, (sent_on, arm)) as arm,
        arg_min(argument, (sent_on, arm)) as argument,
        count(*) filter (where arm = 'treated') as message_count,
        bool_or(has_reacted) as has_reacted
    from messages
    where person_id is not null
    group by all
),

money as (
    select
        person_id,
        order_date as day,
        net_amount - cost as margin
    from sales
    union all
    select
        person_id,
        refund_date as day,
        -lost_margin as margin
    from credits
    union all
    select
        person_id,
        month as day,
        margin
    from agreement_months
),

judged as (
    select
        persons.*,
        exists (
            from purchases
            where purchases.person_id = persons.person_id and order_date between persons.assigned_on and persons.assigned_on + 30
        ) as has_bought,
        coalesce((
            select sum(money.margin) from money
            where money.person_id = persons.person_id and money.day between persons.assigned_on and persons.assigned_on + 30
        ), 0) as margin
    from persons
    where persons.assigned_on + 30 <= (select as_of from run)
),

held_out as (
    select
        campaign_id,
        count(*) as people,
        count(*) filter (where has_bought) as buyers,
        count(*) filter (where message_count > 0) as written_to,
        sum(margin) as margin
    from judged
    where arm = 'control'
    group by campaign_id
),

treated as (
    select
        *,
        'total' as member
    from judged
    where arm = 'treated'
    union all
    select
        *,
        argument as member
    from judged
    where arm = 'treated' and argument <> 'unknown'
)

select
    treated.campaign_id,
    treated.member,
    count(*) as people,
    count(*) filter (where treated.has_bought) as buyers,
    count(*) filter (where treated.has_reacted) as reacted,
    any_value(held_out.people) as held_out,
    any_value(held_out.buyers) as held_out_buyers,
    any_value(held_out.written_to) as held_out_written_to,
    round(sum(treated.margin) - any_value(held_out.margin)::double * count(*) / any_value(held_out.people), 2) as margin_caused,
    round(sum(treated.message_count) * any_value(prices.price), 2) as cost
from treated
inner join held_out on treated.campaign_id = held_out.campaign_id
inner join prices on treated.campaign_id = prices.campaign_id
group by treated.campaign_id, treated.member

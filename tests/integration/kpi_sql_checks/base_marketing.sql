-- Visits, mailings and other touches of the raw files, with the person they belong to.

create table persons as
select
    source_system,
    account_id,
    any_value(person_id) as person_id
from identities
group by all;

create table addresses as
select
    email,
    any_value(person_id) as person_id
from (
    from emails
    union all
    select
        lower(trim(club_files.member.email)) as email,
        persons.person_id
    from club_files
    inner join persons on persons.source_system = 'loyalty' and club_files.card_number = persons.account_id
)
where person_id is not null
group by email;

create table sessions as
with named as (
    select
        web_sessions.*,
        coalesce(web_sessions.is_bot, false) as is_machine,
        coalesce(persons.person_id, addresses.person_id) as own_person_id
    from web_sessions
    left join persons on persons.source_system = 'shopify' and web_sessions.customer_id = persons.account_id
    left join addresses on lower(trim(web_sessions.email)) = addresses.email
),

browsers as (
    select
        visitor_id,
        any_value(own_person_id) as person_id
    from named
    where own_person_id is not null and not is_machine
    group by visitor_id
    having count(distinct own_person_id) = 1
)

select
    named.session_id,
    named.visitor_id,
    coalesce(named.own_person_id, browsers.person_id) as person_id,
    lower(trim(named.email)) as email,
    named.started_at,
    named.channel,
    named.campaign_id,
    named.product_sku,
    coalesce(named.page_views, 1) <= 1 and not coalesce(named.has_basket, false) as is_bounce
from named
left join browsers on named.visitor_id = browsers.visitor_id
where not named.is_machine;

create table shop_visits as
with told as (
    select
        *,
        try_strptime("Ankunft", '%d.%m.%Y %H:%M:%S') as local_time
    from store_besuche
    qualify row_number() over (partition by "Besuch-Nr." order by file desc, line desc) = 1
)

select
    told."Besuch-Nr." as visit_id,
    coalesce(debtors.person_id, addresses.person_id) as person_id,
    lower(trim(told."E-Mail")) as email,
    cast(timezone('UTC', timezone('Europe/Berlin', told.local_time)) as timestamp) as visited_at,
    nullif(told."Artikel", '') as product_sku,
    told."Kauf" = 'ja' or coalesce(told."Bon", '') <> '' as has_purchase
from told
left join persons as debtors on debtors.source_system = 'navision' and told."Kundennummer" = debtors.account_id
left join addresses on lower(trim(told."E-Mail")) = addresses.email
where told.local_time is not null;

create table reactions as
with told as (
    select
        json_extract_string(record, '$.id') as reaction_id,
        json_extract_string(record, '$.network') as network,
        json_extract_string(record, '$.type') as kind,
        crm_moment(json_extract_string(record, '$.created_at')) as reacted_at,
        lower(trim(json_extract_string(record, '$.author.handle'))) as profile,
        lower(trim(json_extract_string(record, '$.author.email'))) as email,
        json_extract_string(record, '$.post.campaign') as campaign_id
    from social_engagements
    where json_extract_string(record, '$.type') <> 'poke'
    qualify row_number() over (partition by json_extract_string(record, '$.id') order by file desc) = 1
),

profiles as (
    select
        told.network,
        told.profile,
        any_value(addresses.person_id) as person_id
    from told
    inner join addresses on told.email = addresses.email
    group by all
    having count(distinct addresses.person_id) = 1
)

select
    told.*,
    coalesce(addresses.person_id, profiles.person_id) as person_id
from told
left join addresses on told.email = addresses.email
left join profiles on told.network = profiles.network and told.profile = profiles.profile;

create table mailings as
select
    recipients."Recipient ID" as contact_id,
    recipients."Campaign ID" as campaign_id,
    campaigns.purpose,
    recipients."Channel" as channel,
    recipients."Wave"::int as wave,
    coalesce(nullif(recipients."Argument", ''), 'unknown') as argument,
    recipients."Sent At"::timestamp as sent_at,
    persons.person_id
from (
    from mailchimp_recipients
    where "Sent At" <> ''
    qualify row_number() over (partition by "Recipient ID" order by file desc, line desc) = 1
) as recipients
left join persons on persons.source_system = 'mailchimp' and recipients."LEID" = persons.account_id
left join (
    select
        "Campaign ID" as campaign_id,
        any_value("Purpose") as purpose
    from mailchimp_campaigns
    group by all
) as campaigns on recipients."Campaign ID" = campaigns.campaign_id
where recipients."Group" = 'treated' and recipients."Sent At"::date <= (select as_of from run);

create table answers as
select
    "Activity ID" as answer_id,
    "Recipient ID" as contact_id,
    "Campaign ID" as campaign_id,
    "LEID" as member_id,
    "Action" as kind,
    "Timestamp"::timestamp as answered_at,
    lower("Is Proxy") in ('true', '1', 'yes') as is_machine
from mailchimp_activity
qualify row_number() over (partition by "Activity ID" order by file desc, line desc) = 1;

-- What each person did with each campaign, channel and wave.
create table recipients_judged as
with judged as (
    select
        mailings.*,
        exists (
            from answers
            where answers.contact_id = mailings.contact_id and not is_machine and kind = 'open'
        ) as opened,
        exists (
            from answers
            where answers.contact_id = mailings.contact_id and not is_machine and kind = 'click'
        ) as clicked,
        exists (
            from answers
            where answers.contact_id = mailings.contact_id and not is_machine and kind = 'conversion'
        ) as bought,
        exists (
            from answers
            where answers.contact_id = mailings.contact_id and not is_machine and kind = 'unsub'
        ) as left_us,
        exists (
            from answers
            where answers.contact_id = mailings.contact_id and not is_machine and kind = 'bounce'
        ) as came_back
    from mailings
)

select
    campaign_id,
    purpose,
    channel,
    wave,
    coalesce(person_id, contact_id) as person,
    any_value(person_id) as person_id,
    arg_min(argument, (sent_at, contact_id)) as argument,
    min(sent_at) as sent_at,
    month_of(min(sent_at)) as month,
    bool_or(opened) as opened,
    bool_or(clicked) as clicked,
    bool_or(clicked or bought) as responded,
    bool_or(bought) as bought,
    bool_or(left_us) as left_us,
    bool_and(came_back and not (opened or clicked or bought or left_us)) as came_back,
    channel in (
        select seen.channel from mailings as seen inner join answers using (contact_id)
        where answers.kind = 'open'
    ) as tells_opens,
    channel in (
        select seen.channel from mailings as seen inner join answers using (contact_id)
        where answers.kind = 'click')
        as tells_clicks
from judged
group by campaign_id, purpose, channel, wave, coalesce(person_id, contact_id);

create table bought_orders as
select
    source_system,
    order_id,
    any_value(person_id) as person_id,
    any_value(ordered_at) as ordered_at,
    any_value(order_date) as order_date,
    sum(net_amount) as net_amount
from sold_lines
where order_date <= (select as_of from run)
group by source_system, order_id;

-- Everything that may claim to have led to an order. The key is that of the warehouse: it breaks ties within a second.
create table touches as
with clicks as (
    select
        answers.*,
        persons.person_id,
        (
            select any_value("Channel") from mailchimp_campaigns
            where "Campaign ID" = answers.campaign_id
        ) as channel
    from answers
    left join persons on persons.source_system = 'mailchimp' and answers.member_id = persons.account_id
    where answers.kind = 'click' and not answers.is_machine
),

people_of_contacts as (
    select
        contacts."Id" as contact_id,
        any_value(persons.person_id) as person_id
    from salesforce_contact as contacts
    inner join persons on persons.source_system = 'salesforce' and contacts."AccountId" = persons.account_id
    group by all
),

calls as (
    select
        told.*,
        coalesce(accounts.person_id, people_of_contacts.person_id, counted_deals.person_id, lead_persons.person_id) as person_id
    from (
        select
            "Id" as id,
            "AccountId" as account_id,
            "WhatId" as deal_id,
            "WhoId" as who_id,
            "CompletedDateTime" as moment,
            case "TaskSubtype" when 'Call' then 'phone' else 'email' end as channel
        from salesforce_task
        where
            "Status" = 'Completed' and "TaskSubtype" in ('Call', 'Email') and "CallType" = 'Outbound' and "IsDeleted" = 'false'
            and (coalesce("CallDurationInSeconds", '') = '' or try_cast("CallDurationInSeconds" as double) is not null)
        qualify row_number() over (partition by "Id" order by file desc, line desc) = 1
        union all
        select
            "Id" as id,
            "AccountId" as account_id,
            "WhatId" as deal_id,
            "WhoId" as who_id,
            "StartDateTime" as moment,
            lower("Type") as channel
        from salesforce_event
        where "Type" in ('Visit', 'Meeting') and "IsDeleted" = 'false'
        qualify row_number() over (partition by "Id" order by file desc, line desc) = 1
    ) as told
    left join persons as accounts on accounts.source_system = 'salesforce' and told.account_id = accounts.account_id
    left join people_of_contacts on told.who_id = people_of_contacts.contact_id
    left join counted_deals on told.deal_id = counted_deals.deal_id
    left join lead_persons on told.who_id = lead_persons.lead_id
)

select
    person_id,
    started_at as touched_at,
    'web_session' as kind,
    md5('web|' || session_id) as touch_key,
    channel,
    campaign_id
from sessions
where
    not exists (
        from clicks
        where
            clicks.person_id = sessions.person_id
            and clicks.campaign_id = sessions.campaign_id
            and clicks.answered_at::date = sessions.started_at::date
    )
union all
select
    person_id,
    sent_at,
    'campaign_contact',
    md5('mailchimp|' || contact_id),
    channel,
    campaign_id
from mailings
where
    not exists (
        from answers
        where answers.contact_id = mailings.contact_id and not is_machine and kind = 'bounce'
    )
    or exists (
        from answers
        where answers.contact_id = mailings.contact_id and not is_machine and kind in ('open', 'click', 'reply', 'conversion')
    )
union all
select
    person_id,
    answered_at,
    'campaign_click',
    md5('mailchimp|' || answer_id),
    channel,
    campaign_id
from clicks
union all
select
    person_id,
    crm_moment(moment),
    'activity',
    md5('salesforce|' || id),
    channel,
    null
from calls
union all
select
    person_id,
    visited_at,
    'store_visit',
    md5('store|' || visit_id),
    'store',
    null
from shop_visits
union all
select
    person_id,
    reacted_at,
    'social_engagement',
    md5('social|' || reaction_id),
    'social',
    campaign_id
from reactions
where kind <> 'unfollow';

-- Who came: the person, else the browser, else nobody but this visit.
create table visits as
select
    'web' as place,
    coalesce(person_id, visitor_id) as visitor,
    person_id,
    email,
    started_at as visited_at,
    md5('web|' || session_id) as visit_key,
    channel,
    product_sku,
    is_bounce,
    false as has_purchase
from sessions
where started_at::date <= (select as_of from run)
union all
select
    'store',
    coalesce(person_id, visit_id),
    person_id,
    email,
    visited_at,
    md5('store|' || visit_id),
    'store',
    product_sku,
    false,
    has_purchase
from shop_visits
where visited_at::date <= (select as_of from run);

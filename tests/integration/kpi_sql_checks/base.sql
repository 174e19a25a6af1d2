-- The exports with their meaning: one row per thing, the last one delivered, bad rows out.

create macro person(wanted_system, wanted_id) as (
    select person_id from identities where source_system = wanted_system and account_id = wanted_id
);
create macro german(number_text) as cast(replace(replace(number_text, '.', ''), ',', '.') as decimal(18, 4));
create macro german_day(day_text) as cast(strptime(nullif(day_text, ''), '%d.%m.%Y') as date);
create macro berlin(moment_text) as
    cast(timezone('UTC', timezone('Europe/Berlin', strptime(moment_text, '%d.%m.%Y %H:%M:%S'))) as timestamp);
create macro shop_moment(moment_text) as cast(timezone('UTC', strptime(moment_text, '%Y-%m-%d %H:%M:%S %z')) as timestamp);
create macro crm_moment(moment_text) as cast(timezone('UTC', cast(moment_text as timestamptz)) as timestamp);
create macro month_of(day_or_moment) as cast(date_trunc('month', day_or_moment) as date);

create view months as
select unnest(generate_series(date '2023-01-01', (select as_of from run), interval 1 month))::date as month;

create view deals as
select
    "Id" as deal_id,
    (select any_value(person_id) from identities where source_system = 'salesforce' and account_id = "AccountId") as person_id,
    "AccountId" as account_id,
    crm_moment("CreatedDate") as created_at,
    crm_moment("CreatedDate")::date as created_date,
    "IsClosed" = 'true' as is_closed,
    "IsWon" = 'true' as is_won,
    case when "IsClosed" = 'true' then "CloseDate"::date end as close_date,
    nullif("Amount", '')::decimal(18, 2) as amount
from salesforce_opportunity
where try_cast("CloseDate" as date) is not null
qualify row_number() over (partition by "Id" order by crm_moment("SystemModstamp") desc, file desc, line desc) = 1;

create view merged_or_deleted as
select deal_id
from (
    select
        "Id" as deal_id,
        "IsDeleted" = 'true' or coalesce("MergedInto__c", '') <> '' as is_out
    from salesforce_opportunity
    where try_cast("CloseDate" as date) is not null
    qualify row_number() over (partition by "Id" order by crm_moment("SystemModstamp") desc, file desc, line desc) = 1
)
where is_out;

create view counted_deals as
from deals where deal_id not in (from merged_or_deleted);

create view account_segments as
select
    "Id" as account_id,
    lower(replace(replace("Segment__c", ' ', '_'), '-', '_')) as segment
from salesforce_account
qualify row_number() over (partition by "Id" order by file desc, line desc) = 1;

create view sold_lines as
with shop_heads as (
    select
        "Name" as order_id,
        lower(trim("Email")) as email,
        shop_moment("Created at") as ordered_at,
        "Financial Status" = 'voided' as is_cancelled,
        coalesce("Tags", '') like '%test%' as is_test
    from shopify_orders_export
    where coalesce("Financial Status", '') <> ''
    qualify row_number() over (partition by "Name" order by file desc) = 1
),

shop_lines as (
    select
        *,
        row_number() over (partition by file, "Name" order by line) as line_number
    from shopify_orders_export
),

shoppers as (
    select
        lower(trim("Email")) as email,
        any_value((select any_value(person_id) from identities where source_system = 'shopify' and account_id = "Customer ID")) as person_id
    from shopify_customers_export
    where "Email" like '%_@_%._%'
    group by lower(trim("Email"))
),

erp_heads as (
    select
        "Auftragsnr." as order_id,
        (select any_value(person_id) from identities where source_system = 'navision' and account_id = "Debitorennr.") as person_id,
        berlin("Auftragsdatum") as ordered_at,
        "Status" = 'Storniert' as is_cancelled
    from navision_auftraege
    where "Status" in ('Offen', 'Geliefert', 'Storniert')
    qualify row_number() over (partition by "Auftragsnr." order by berlin("Geändert am") desc, file desc, line desc) = 1
)

select
    'shopify' as source_system,
    shop_heads.order_id,
    shop_lines.line_number,
    shoppers.person_id,
    shop_heads.ordered_at,
    shop_heads.ordered_at::date as order_date,
    shop_lines."Lineitem sku" as product_id,
    shop_lines."Lineitem quantity"::decimal(18, 4) as quantity,
    (shop_lines."Lineitem quantity"::decimal(18, 4) * shop_lines."Lineitem price"::decimal(18, 2) - shop_lines."Lineitem discount"::decimal(18, 2))
    ::decimal(18, 2) as net_amount,
    null as stated_unit_cost
from shop_heads
inner join shop_lines on shop_heads.order_id = shop_lines."Name"
left join shoppers on shop_heads.email = shoppers.email
where not shop_heads.is_cancelled and not shop_heads.is_test
qualify row_number() over (partition by shop_lines."Name", shop_lines.line_number order by shop_lines.file desc) = 1
union all
select
    'navision' as source_system,
    erp_heads.order_id,
    lines."Position"::bigint as line_number,
    erp_heads.person_id,
    erp_heads.ordered_at,
    erp_heads.ordered_at::date as order_date,
    lines."Artikelnr." as product_id,
    german(lines."Menge") as quantity,
    german(lines."Betrag")::decimal(18, 2) as net_amount,
    nullif(lines."Einstandspreis", '') as stated_unit_cost
from erp_heads
inner join navision_positionen as lines on erp_heads.order_id = lines."Auftragsnr."
where not erp_heads.is_cancelled
qualify
    row_number() over (
        partition by lines."Auftragsnr.", lines."Position"
        order by berlin(lines."Geändert am") desc, lines.file desc, lines.line desc
    ) = 1;

create view purchases as
select distinct
    person_id,
    order_date
from sold_lines
where person_id is not null and order_date <= (select as_of from run);

create view agreements as
select
    "Vertragsnr." as contract_id,
    (select any_value(person_id) from identities where source_system = 'navision' and account_id = "Debitorennr.") as person_id,
    "Artikelnr." as product_id,
    german_day("Beginn") as started,
    german_day("Ende") as ended,
    german("Monatsbetrag")::decimal(18, 2) as monthly_amount
from navision_vertraege
qualify row_number() over (partition by "Vertragsnr." order by berlin("Geändert am") desc, file desc, line desc) = 1;

create view emails as
select
    lower(trim(stated.email)) as email,
    any_value(identities.person_id) as person_id
from (
    select 'shopify' as source_system, "Customer ID" as account_id, "Email" as email from shopify_customers_export
    union all
    select 'mailchimp', "LEID", "Email Address" from mailchimp_audience
    union all
    select 'salesforce', "Id", "Email__c" from salesforce_account
    union all
    select 'salesforce', "AccountId", "Email" from salesforce_contact
    union all
    select 'zendesk', json_extract_string(record, '$.requester.id'), json_extract_string(record, '$.requester.email') from zendesk_tickets
) as stated
inner join identities on stated.source_system = identities.source_system and stated.account_id = identities.account_id
where stated.email <> ''
group by lower(trim(stated.email));

create view lead_persons as
select
    "Id" as lead_id,
    coalesce(
        (select any_value(person_id) from identities where source_system = 'salesforce' and account_id = "ConvertedAccountId"),
        (select any_value(person_id) from emails where emails.email = lower(trim(salesforce_lead."Email")))
    ) as person_id
from salesforce_lead
qualify row_number() over (partition by "Id" order by crm_moment("SystemModstamp") desc, file desc, line desc) = 1;

create view tickets as
select
    json_extract_string(record, '$.id') as ticket_id,
    json_extract_string(record, '$.merged_into') as merged_into,
    (select any_value(person_id) from identities where source_system = 'zendesk' and account_id = json_extract_string(record, '$.requester.id'))
        as person_id,
    json_extract_string(record, '$.group') as team,
    json_extract_string(record, '$.custom_fields.topic') as topic,
    json_extract_string(record, '$.status') as status,
    json_extract_string(record, '$.is_spam') = 'true' or json_extract_string(record, '$.is_test') = 'true' as is_noise,
    json_extract_string(record, '$.is_outbound') = 'true' as is_outbound,
    json_extract_string(record, '$.is_auto_closed') = 'true' as is_auto_closed,
    crm_moment(json_extract_string(record, '$.created_at')) as created_at,
    crm_moment(json_extract_string(record, '$.metrics.first_solved_at')) as first_solved_at,
    crm_moment(json_extract_string(record, '$.metrics.solved_at')) as solved_at
from zendesk_tickets
qualify
    row_number() over (
        partition by json_extract_string(record, '$.id')
        order by crm_moment(json_extract_string(record, '$.updated_at')) desc, file desc
    ) = 1;

create view agent_replies as
select
    coalesce(survivors.ticket_id, tickets.ticket_id) as ticket_id,
    written.sent_at
from (
    select
        json_extract_string(record, '$.ticket') as ticket_id,
        crm_moment(json_extract_string(record, '$.created_at')) as sent_at,
        row_number() over (
            partition by json_extract_string(record, '$.ticket')
            order by crm_moment(json_extract_string(record, '$.created_at')), json_extract_string(record, '$.id')
        ) as reply_number
    from (
        from zendesk_comments
        qualify row_number() over (partition by json_extract_string(record, '$.id') order by file desc) = 1
    )
    where json_extract_string(record, '$.author.role') = 'agent' and json_extract_string(record, '$.public') = 'true'
) as written
inner join tickets on written.ticket_id = tickets.ticket_id
left join tickets as survivors on tickets.merged_into = survivors.ticket_id
where not (tickets.is_outbound and written.reply_number = 1);

-- What the checks of the sales figures share, on top of base.sql: offers, staff, who met whom, and deals with their owners.

create view offers as
select
    "Angebotsnr." as offer_id,
    "Vorgang" as offer_number,
    "Version"::int as offer_version,
    "Auftragsnr." as order_id,
    "Bearbeiter" as employee,
    "Status" as status,
    german("Angebotswert")::decimal(18, 2) as net_amount,
    german("Rabatt")::decimal(18, 2) as discount_amount,
    berlin(nullif("Versandt am", ''))::date as issued_date,
    german_day("Gültig bis") as valid_until
from navision_angebote
where "Status" in ('Entwurf', 'Versandt', 'Angenommen', 'Abgelehnt', 'Abgelaufen', 'Ersetzt')
qualify row_number() over (partition by "Angebotsnr." order by berlin("Geändert am") desc, file desc, line desc) = 1;

create view placed_orders as
select
    "Auftragsnr." as order_id,
    berlin("Auftragsdatum")::date as order_date
from navision_auftraege
where "Status" in ('Offen', 'Geliefert', 'Storniert')
qualify
    row_number() over (partition by "Auftragsnr." order by berlin("Geändert am") desc, file desc, line desc) = 1
    and "Status" <> 'Storniert';

create view staff as
select
    "Personalnr." as employee,
    "Team" as team,
    "Führungskraft" = 'ja' as is_manager
from navision_mitarbeiter
qualify row_number() over (partition by "Personalnr." order by file desc, line desc) = 1;

create view deal_owners as
select
    "Id" as deal_id,
    "OwnerId" as employee
from salesforce_opportunity
where try_cast("CloseDate" as date) is not null
qualify row_number() over (partition by "Id" order by crm_moment("SystemModstamp") desc, file desc, line desc) = 1;

create view buying_roles as
select
    "Id" as contact_id,
    "AccountId" as account_id,
    lower("BuyingRole__c") as buying_role
from salesforce_contact
qualify row_number() over (partition by "Id" order by crm_moment("SystemModstamp") desc, file desc, line desc) = 1;

create view meetings as
select
    "Id" as meeting_id,
    "WhoId" as who_id,
    "WhatId" as deal_id,
    "AccountId" as account_id,
    "OwnerId" as employee,
    crm_moment("CompletedDateTime") as met_at
from salesforce_task
where
    "Status" = 'Completed'
    and "TaskSubtype" in ('Call', 'Email')
    and ("CallDurationInSeconds" = '' or try_cast("CallDurationInSeconds" as double) is not null)
qualify row_number() over (partition by "Id" order by file desc, line desc) = 1
union all
select
    "Id" as meeting_id,
    "WhoId" as who_id,
    "WhatId" as deal_id,
    "AccountId" as account_id,
    "OwnerId" as employee,
    crm_moment("StartDateTime") as met_at
from salesforce_event
where "Type" in ('Visit', 'Meeting')
qualify row_number() over (partition by "Id" order by file desc, line desc) = 1;

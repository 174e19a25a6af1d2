-- The answers of the survey workbook with their meaning, the highest value best. Expects the tables survey_umfrage (all rows of
-- all sheets) and people (the simulation's customers) beside base.sql and base_revenue.sql.

create macro berlin_clock(moment) as cast(timezone('UTC', timezone('Europe/Berlin', moment)) as timestamp);

-- A private person is one respondent under every address, at a company every address is one.
create table asked as
select
    umfrage."Antwort-ID" as response_id,
    lower(umfrage."Fragebogen") as instrument,
    case umfrage."Anlass" when 'Kundendienst' then 'service' when 'Bestellung' then 'order' else 'unknown' end as occasion,
    coalesce(tickets.team, 'unknown') as team,
    cast(umfrage."Ticket" as varchar) as ticket_id,
    umfrage."Wert" as mark,
    cast(berlin_clock(umfrage."Eingeladen am") as date) as invited_date,
    berlin_clock(umfrage."Beantwortet am") as answered_at,
    emails.person_id,
    if(people.is_business, lower(trim(umfrage."E-Mail")), coalesce(emails.person_id, lower(trim(umfrage."E-Mail")))) as respondent
from (
    from survey_umfrage
    qualify row_number() over (partition by "Antwort-ID" order by file desc, line desc) = 1
) as umfrage
left join emails on lower(trim(umfrage."E-Mail")) = emails.email
left join people on emails.person_id = people.person_id
left join tickets on cast(umfrage."Ticket" as varchar) = tickets.ticket_id;

-- CSAT is a school mark: 1 is best.
create table answered as
select
    *,
    cast(answered_at as date) as answered_date,
    if(instrument = 'csat', 6 - mark, mark) as points
from asked
where mark is not null and cast(answered_at as date) <= (select as_of from run);

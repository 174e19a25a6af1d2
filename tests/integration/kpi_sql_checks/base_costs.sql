-- What the checks of costs and loyalty share, on top of base.sql: the ledger in euros with its drivers, and the accounts of the club.
-- `house_drivers` is the seed, `club_files` the club's export as it stands.

create view postings as
select
    "Buchungsnr." as entry_id,
    german_day("Buchungsdatum") as booked,
    month_of(german_day("Buchungsdatum")) as month,
    case "Kostenart"
        when 'Personal' then 'personnel' when 'Produktion' then 'production' when 'Gemeinkosten' then 'overhead'
        when 'Marketing' then 'marketing' when 'Kundenclub' then 'loyalty' when 'Rabatt' then 'discount'
    end as cost_type,
    case "Zweck"
        when 'Neukunden' then 'acquisition' when 'Kundenbindung' then 'retention' when 'Kundendienst' then 'service' when 'Allgemein' then 'general'
    end as cost_purpose,
    case "Schlüssel"
        when 'Kunden' then 'customers' when 'Aufträge' then 'orders' when 'Umsatz' then 'revenue' when 'Servicekontakte' then 'service_contacts'
        when 'Aussendungen' then 'campaign_contacts' when 'Punkte' then 'points' when 'direkt' then 'direct' when 'ohne' then 'none'
    end as stated_driver,
    nullif("Kampagne", '') as campaign_id,
    nullif("Kanal", '') as channel,
    nullif("Debitorennr.", '') as debtor,
    (select any_value(person_id) from identities where source_system = 'navision' and account_id = "Debitorennr.") as person_id,
    (german("Betrag") * case "Währung" when 'USD' then 0.92 when 'GBP' then 1.16 when 'CHF' then 0.97 else 1 end)::decimal(18, 2) as amount,
    "Storniert" = 'ja' as is_cancelled
from navision_kostenbuchungen
where
    "Buchungsdatum" similar to '\d{2}\.\d{2}\.\d{4}'
    and try_cast(replace(replace("Betrag", '.', ''), ',', '.') as decimal(18, 4)) is not null
    and "Kostenart" in ('Personal', 'Produktion', 'Gemeinkosten', 'Marketing', 'Kundenclub', 'Rabatt')
    and "Zweck" in ('Neukunden', 'Kundenbindung', 'Kundendienst', 'Allgemein')
qualify row_number() over (partition by "Buchungsnr." order by berlin("Geändert am") desc, file desc, line desc) = 1;

create view ledger as
select
    postings.*,
    coalesce(
        postings.stated_driver,
        case when postings.debtor is not null then 'direct' end,
        (
            select house_drivers.driver from house_drivers
            where house_drivers.cost_type = postings.cost_type and house_drivers.cost_purpose = postings.cost_purpose
        ),
        'none'
    ) as driver
from postings
where not postings.is_cancelled;

create view club_movements as
select
    card,
    (select any_value(person_id) from identities where source_system = 'loyalty' and account_id = card) as person_id,
    movement.id as movement_id,
    movement.type as kind,
    movement.points as points,
    movement.reward.cost_cents / 100 as reward_cost,
    movement.tier as tier,
    cast(movement.at as timestamp) as moved_at,
    month_of(cast(movement.at as timestamp)) as month
from (
    select
        card_number as card,
        unnest(movements) as movement
    from club_files
)
where cast(movement.at as date) <= (select as_of from run)
qualify row_number() over (partition by movement.id order by card) = 1;

-- Who could still be lost: a contract that runs, or a purchase not 180 days ago, on each first of a month; and who was kept.
create view contract_ends as
with kept as (
    select
        *,
        coalesce(ended, date '9999-12-31') as last_day
    from agreements
    where person_id is not null and (ended is null or ended >= started) and started <= (select as_of from run)
)

select
    person_id,
    started,
    case
        when
            date_diff('day', last_day, (select as_of from run)) > 30
            and not exists (
                from kept as other
                where
                    other.person_id = kept.person_id
                    and other.last_day > kept.last_day
                    and date_diff('day', kept.last_day, other.started) <= 30
            )
            then last_day
    end as lost_date,
    last_day
from kept;

create view kept_customers as
with by_contract as (
    select
        months.month,
        contracts.person_id,
        -- Active until the first loss after the contract began.
        (
            select min(ends.lost_date) from contract_ends as ends
            where ends.person_id = contracts.person_id and ends.lost_date >= contracts.started
        ) as lost_date
    from months
    inner join contract_ends as contracts on contracts.started < months.month
),

by_purchase as (
    select
        months.month,
        purchases.person_id,
        max(purchases.order_date) as last_before
    from months
    inner join purchases on purchases.order_date < months.month
    group by all
),

-- Lost 180 days after the last purchase, unless another one comes in time.
purchase_losses as (
    select
        month,
        person_id,
        (
            select min(purchases.order_date) + 180 from purchases
            where
                purchases.person_id = by_purchase.person_id
                and purchases.order_date >= by_purchase.last_before
                and purchases.order_date + 180 <= (select as_of from run)
                and not exists (
                    from purchases as later
                    where
                        later.person_id = purchases.person_id
                        and later.order_date > purchases.order_date
                        and later.order_date <= purchases.order_date + 180
                )
        ) as lost_date
    from by_purchase
)

select
    month,
    person_id,
    bool_or(lost_date is null or lost_date >= month + interval 1 month) as is_kept
from (
    select * from by_contract
    union all
    select * from purchase_losses
)
where lost_date is null or lost_date >= month
group by all;

create view active_customers as
select distinct
    months.month,
    purchases.person_id
from months
inner join purchases
    on
        purchases.order_date <= least(months.month + interval 1 month - interval 1 day, (select as_of from run))
        and purchases.order_date + 180 > least(months.month + interval 1 month - interval 1 day, (select as_of from run))
union
select distinct
    months.month,
    agreements.person_id
from months
inner join agreements
    on
        agreements.started <= least(months.month + interval 1 month - interval 1 day, (select as_of from run))
        and coalesce(agreements.ended, date '9999-12-31') >= months.month
where agreements.person_id is not null;

create view first_days as
select
    person_id,
    min(first_day) as first_day
from (
    select
        person_id,
        order_date as first_day
    from purchases
    union all
    select
        person_id,
        started as first_day
    from contract_ends
)
group by person_id;

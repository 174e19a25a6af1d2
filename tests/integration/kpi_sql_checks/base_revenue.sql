-- Money by person and month, on top of base.sql: what came in, what was given back and for which month, what was in force by contract.

create view unit_costs as
select
    "Artikelnr." as product_id,
    german("Einstandspreis") as unit_cost,
    strptime(regexp_extract(file, '_(\d{8})', 1), '%Y%m%d')::date as known_from
from navision_artikel
where "Einstandspreis" <> '';

create table sales as
select
    sold_lines.*,
    month_of(sold_lines.order_date) as month,
    (
        sold_lines.quantity * coalesce(
            german(sold_lines.stated_unit_cost),
            (
                select arg_max(unit_cost, known_from) from unit_costs
                where unit_costs.product_id = sold_lines.product_id and known_from <= order_date
            ),
            (select arg_min(unit_cost, known_from) from unit_costs where unit_costs.product_id = sold_lines.product_id)
        )
    )::decimal(18, 2) as cost
from sold_lines
where sold_lines.order_date <= (select as_of from run) and person_id is not null;

create table credits as
select
    sales.person_id,
    sales.month as order_month,
    credit.refund_date,
    month_of(credit.refund_date) as refund_month,
    credit.refund,
    credit.refund - (sales.cost * (credit.quantity / sales.quantity))::decimal(18, 2) as lost_margin
from (
    select
        'shopify' as source_system,
        "Order" as order_id,
        "Line"::bigint as line_number,
        "Quantity"::decimal(18, 4) as quantity,
        "Amount"::decimal(18, 2) as refund,
        shop_moment("Processed at")::date as refund_date
    from shopify_refunds_export
    qualify row_number() over (partition by "Refund ID" order by file desc) = 1
    union all
    select
        'navision' as source_system,
        "Auftragsnr." as order_id,
        "Position"::bigint as line_number,
        german("Menge") as quantity,
        german("Betrag")::decimal(18, 2) as refund,
        german_day("Buchungsdatum") as refund_date
    from navision_gutschriften
    qualify row_number() over (partition by "Gutschriftsnr." order by file desc, line desc) = 1
) as credit
inner join sales
    on
        credit.source_system = sales.source_system
        and credit.order_id = sales.order_id
        and credit.line_number = sales.line_number
where credit.refund_date <= (select as_of from run);

create view kept_agreements as
select
    *,
    coalesce(ended, date '9999-12-31') as last_day
from agreements
where person_id is not null and (ended is null or ended >= started);

create table agreement_months as
select
    months.month,
    kept_agreements.person_id,
    kept_agreements.monthly_amount,
    kept_agreements.monthly_amount
    - (
        select arg_max(unit_cost, known_from) from unit_costs
        where unit_costs.product_id = kept_agreements.product_id
    )::decimal(18, 2) as margin
from kept_agreements
inner join months on kept_agreements.started < months.month + interval 1 month and kept_agreements.last_day >= months.month
where kept_agreements.started <= (select as_of from run);

-- Everything that moved money, in the month it was booked.
create table bookings as
select
    person_id,
    month,
    net_amount as revenue,
    net_amount - cost as margin
from sales
union all
select
    person_id,
    refund_month as month,
    -refund as revenue,
    -lost_margin as margin
from credits
union all
select
    person_id,
    month,
    monthly_amount as revenue,
    margin
from agreement_months;

create table customer_starts as
select
    person_id,
    min(month) as cohort_month
from (
    select person_id, month from sales
    union all
    select person_id, month from agreement_months
)
group by person_id;

create table customer_month_ends as
select
    customer_starts.person_id,
    customer_starts.cohort_month,
    months.month,
    least((months.month + interval 1 month)::date - 1, (select as_of from run)) as last_day
from customer_starts
inner join months on months.month >= customer_starts.cohort_month;

create table trailing_years as
select
    ends.person_id,
    ends.month,
    coalesce(sum(bookings.revenue), 0) as revenue,
    coalesce(sum(bookings.margin), 0) as margin,
    count(bookings.person_id) as booking_count
from customer_month_ends as ends
left join bookings
    on
        ends.person_id = bookings.person_id
        and bookings.month > ends.month - interval 12 months
        and bookings.month <= ends.month
group by ends.person_id, ends.month;

-- What somebody pays by contract on the last day of a month: asked of every day anew, without stretches (30 days of grace).
create table contract_levels as
with paid as (
    select
        ends.person_id,
        ends.month,
        ends.last_day as day,
        sum(kept_agreements.monthly_amount) filter (where kept_agreements.last_day >= ends.last_day) as amount,
        max(kept_agreements.last_day) as paid_until,
        arg_max(kept_agreements.monthly_amount, kept_agreements.last_day) as last_amount
    from customer_month_ends as ends
    inner join kept_agreements on ends.person_id = kept_agreements.person_id and kept_agreements.started <= ends.last_day
    group by all
),

judged as (
    select
        *,
        date_diff('day', paid_until, (select as_of from run)) <= 30
        or exists (
            from kept_agreements as renewal
            where
                renewal.person_id = paid.person_id
                and renewal.started > paid.day
                and date_diff('day', paid.paid_until, renewal.started) <= 30
        ) as goes_on
    from paid
)

select
    person_id,
    month,
    case
        when paid_until > day then amount
        when not goes_on then 0
        when paid_until = day then amount
        else last_amount
    end as amount
from judged;

create table levels as
select
    'rolling' as reading,
    person_id,
    month,
    greatest(revenue, 0) as amount
from trailing_years
union all
select
    'contract' as reading,
    person_id,
    month,
    amount
from contract_levels;

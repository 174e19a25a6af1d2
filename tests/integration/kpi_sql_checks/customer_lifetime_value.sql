-- kpi_customer_lifetime_value: person, orders, revenue, refunds, contribution so far.
with costs as (
    select
        "Artikelnr." as product_id,
        german("Einstandspreis") as unit_cost,
        strptime(regexp_extract(file, '_(\d{8})', 1), '%Y%m%d')::date as known_from
    from navision_artikel
    where "Einstandspreis" <> ''
),

-- The cost of the list that was valid on the day; the first list holds for all that was sold before it.
costed as (
    select
        sold_lines.*,
        (
            sold_lines.quantity * coalesce(
                german(sold_lines.stated_unit_cost),
                (select arg_max(unit_cost, known_from) from costs where costs.product_id = sold_lines.product_id and known_from <= order_date),
                (select arg_min(unit_cost, known_from) from costs where costs.product_id = sold_lines.product_id)
            )
        )::decimal(18, 2) as cost
    from sold_lines
    where sold_lines.order_date <= (select as_of from run)
),

refunds as (
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
),

contract_months as (
    select
        agreements.person_id,
        agreements.monthly_amount,
        (select arg_max(unit_cost, known_from) from costs where costs.product_id = agreements.product_id)::decimal(18, 2) as monthly_cost
    from agreements
    inner join months
        on agreements.started < months.month + interval 1 month and coalesce(agreements.ended, date '9999-12-31') >= months.month
    where agreements.started <= (select as_of from run)
),

movements as (
    select
        person_id,
        source_system || order_id as order_id,
        net_amount as revenue,
        0 as refund,
        net_amount - cost as contribution
    from costed
    union all
    select
        costed.person_id,
        null as order_id,
        0 as revenue,
        refunds.refund,
        (costed.cost * (refunds.quantity / costed.quantity))::decimal(18, 2) - refunds.refund as contribution
    from refunds
    inner join costed
        on
            refunds.source_system = costed.source_system
            and refunds.order_id = costed.order_id
            and refunds.line_number = costed.line_number
    where refunds.refund_date <= (select as_of from run)
    union all
    select
        person_id,
        null as order_id,
        monthly_amount as revenue,
        0 as refund,
        monthly_amount - monthly_cost as contribution
    from contract_months
)

select
    person_id,
    count(distinct order_id) as order_count,
    sum(revenue) as revenue,
    sum(refund) as refund,
    sum(contribution) as contribution
from movements
where person_id is not null
group by person_id

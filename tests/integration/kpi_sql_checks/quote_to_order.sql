-- kpi_quote_to_order_monthly: reading, month, dimension, member, numerator, denominator.
with latest as (
    from offers
    where status <> 'Entwurf'
    qualify row_number() over (partition by offer_number order by offer_version desc) = 1
),

ended as (
    select
        latest.employee,
        month_of(latest.issued_date) as month,
        latest.net_amount,
        latest.discount_amount,
        placed_orders.order_id is not null as is_ordered,
        placed_orders.order_date - latest.issued_date as days,
        latest.status = 'Angenommen' or placed_orders.order_id is not null as is_success,
        is_success
        or latest.status in ('Abgelehnt', 'Abgelaufen')
        or (latest.status = 'Versandt' and latest.valid_until < (select as_of from run)) as is_decided
    from latest
    left join placed_orders on latest.order_id = placed_orders.order_id
),

cut as (
    select
        'total' as dimension,
        'total' as member,
        *
    from ended
    union all
    select
        'employee' as dimension,
        employee as member,
        *
    from ended
),

wide as (
    select
        month,
        dimension,
        member,
        count(*) filter (where is_success) as successes,
        count(*) filter (where is_decided) as decisions,
        count(*) as sent,
        count(*) filter (where is_ordered) as ordered,
        coalesce(sum(net_amount) filter (where is_success), 0) as success_amount,
        coalesce(sum(net_amount) filter (where is_decided), 0) as decided_amount,
        sum(discount_amount) as discounts,
        sum(net_amount + discount_amount) as list_amount,
        coalesce(sum(days) filter (where days >= 0), 0) as days,
        count(*) filter (where days >= 0) as timed
    from cut
    group by all
)

select 'accepted' as reading, month, dimension, member, successes as numerator, decisions as denominator from wide
union all
select 'accepted_of_sent', month, dimension, member, successes, sent from wide
union all
select 'ordered', month, dimension, member, ordered, sent from wide
union all
select 'value', month, dimension, member, success_amount, decided_amount from wide
union all
select 'discount', month, dimension, member, discounts, list_amount from wide
union all
select 'days_to_order', month, dimension, member, days, timed from wide

-- kpi_visited_products (window 30 days): product, month, visits, visitors, known visitors, buyers.
with looks as (
    select
        product_sku,
        month_of(visited_at) as month,
        visitor,
        any_value(person_id) as person_id,
        min(visited_at) as looked_at,
        count(*) as visits
    from visits
    where product_sku is not null
    group by all
)

select
    product_sku,
    month,
    sum(visits) as visits,
    count(*) as visitors,
    count(person_id) as known,
    count(*) filter (
        where exists (
            from sold_lines
            where
                sold_lines.person_id = looks.person_id
                and sold_lines.product_id = looks.product_sku
                and sold_lines.ordered_at >= looks.looked_at
                and sold_lines.order_date - looks.looked_at::date <= 30
                and sold_lines.order_date <= (select as_of from run)
        )
    ) as buyers
from looks
group by all

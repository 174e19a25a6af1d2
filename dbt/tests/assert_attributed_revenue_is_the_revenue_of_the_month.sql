{#- Months whose attributed revenue, over the members of a cut, is not the revenue of the countable orders. -#}

with attribution as (

    select * from {{ ref('kpi_attribution_monthly') }}

),

order_lines as (

    select * from {{ ref('fct_order_lines') }}
    where is_countable and ordered_at is not null

),

parameters as (

    select * from {{ ref('dim_parameters') }}

),

revenue as (

    select
        order_lines.month,
        sum(order_lines.net_amount) as revenue_amount
    from order_lines
    cross join parameters
    where order_lines.order_date <= parameters.as_of_date
    group by order_lines.month

),

summed as (

    select
        reading,
        month,
        dimension,
        sum(numerator) as attributed_amount,
        min(denominator) as smallest_denominator,
        max(denominator) as largest_denominator
    from attribution
    group by reading, month, dimension

)

select
    summed.reading,
    summed.month,
    summed.dimension,
    summed.attributed_amount,
    summed.smallest_denominator,
    revenue.revenue_amount
from summed
left join revenue on summed.month = revenue.month
where
    summed.attributed_amount <> coalesce(revenue.revenue_amount, 0)
    or summed.smallest_denominator <> coalesce(revenue.revenue_amount, 0)
    or summed.largest_denominator <> summed.smallest_denominator

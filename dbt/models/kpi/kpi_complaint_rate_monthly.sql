{#- Grain: one row per reading, month, dimension and member. -#}
{%- set dimensions = var('kpi_dimensions', ['product', 'product_category', 'customer_segment']) -%}

with parameters as (

    select * from {{ ref('dim_parameters') }}

),

order_lines as (

    select * from {{ ref('fct_order_lines') }}
    where is_countable

),

complaints as (

    select * from {{ ref('fct_tickets') }}
    where is_countable and not is_outbound and ticket_type = 'complaint'

),

products as (

    select * from {{ ref('dim_products') }}

),

customers as (

    select * from {{ ref('dim_customers') }}
    where is_current

),

months as (

    select * from {{ ref('dim_date') }}
    where date_day = month

),

readings as (

    select 'per_order' as reading
    union all
    select 'per_product_order' as reading

),

-- An order counts once, or once for each product in it: only then do the products add up to the total.
events as (

    select
        readings.reading,
        order_lines.month,
        case when readings.reading = 'per_order' then 'unknown' else products.product_id end as product,
        case when readings.reading = 'per_order' then 'unknown' else products.product_category end as product_category,
        customers.customer_segment,
        0 as complaint_count,
        count(distinct order_lines.order_key) as order_count
    from order_lines
    inner join products on order_lines.product_key = products.product_key
    inner join customers on order_lines.customer_key = customers.customer_key
    cross join readings
    group by all
    union all
    select
        readings.reading,
        cast(date_trunc('month', complaints.created_date) as date) as month,
        products.product_id as product,
        products.product_category,
        complaints.customer_segment,
        1 as complaint_count,
        0 as order_count
    from complaints
    inner join products on complaints.product_key = products.product_key
    cross join readings

),

counted as (

    select
        reading,
        month,
        case
            {%- for dimension in dimensions %}
            when grouping({{ dimension }}) = 0 then '{{ dimension }}'
            {%- endfor %}
            else 'total'
        end as dimension,
        coalesce({{ dimensions | join(', ') }}, 'total') as member,
        sum(complaint_count) as complaint_count,
        sum(order_count) as order_count
    from events
    group by grouping sets (
        (reading, month)
        {%- for dimension in dimensions %}, (reading, month, {{ dimension }}){% endfor %}
    )

),

with_empty_months as (

    select * from counted
    where reading = 'per_product_order' or dimension not in ('product', 'product_category')
    union all
    select
        readings.reading,
        months.month,
        'total' as dimension,
        'total' as member,
        0 as complaint_count,
        0 as order_count
    from months
    cross join readings
    cross join parameters
    where months.month >= (select min(counted.month) from counted) and months.month <= parameters.as_of_month

),

final as (

    select
        with_empty_months.reading,
        with_empty_months.month,
        with_empty_months.dimension,
        with_empty_months.member,
        cast(sum(with_empty_months.complaint_count) as decimal(18, 2)) as numerator,
        cast(sum(with_empty_months.order_count) as decimal(18, 2)) as denominator,
        {{ safe_ratio('sum(with_empty_months.complaint_count)', 'sum(with_empty_months.order_count)') }} as value,
        'rate' as unit,
        with_empty_months.month < max(parameters.as_of_month) as is_final
    from with_empty_months
    cross join parameters
    group by with_empty_months.reading, with_empty_months.month, with_empty_months.dimension, with_empty_months.member

)

select * from final

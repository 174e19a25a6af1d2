{#- Grain: one row per cohort month, months since, dimension and member. -#}
{%- set dimensions = var('kpi_dimensions', ['customer_segment', 'customer_type', 'region', 'acquisition_channel']) -%}

with parameters as (

    select * from {{ ref('dim_parameters') }}

),

customers as (

    select * from {{ ref('dim_customers') }}
    where is_current

),

order_lines as (

    select * from {{ ref('fct_order_lines') }}
    where is_countable

),

returns as (

    select * from {{ ref('fct_returns') }}
    where is_countable

),

customer_months as (

    select * from {{ ref('fct_customer_months') }}

),

orders as (

    select
        order_key,
        min(month) as month
    from order_lines
    where order_key in (select returns.order_key from returns)
    group by order_key

),

-- A refund belongs to the month of the order it takes back, whenever it is booked. What a return of goods without a known cost takes
-- away is unknown.
refunds as (

    select
        returns.customer_key,
        coalesce(orders.month, returns.month) as month,
        sum(returns.refund_amount) as refund_amount,
        sum(case when returns.month > orders.month then returns.refund_amount else 0 end) as late_refund_amount,
        sum(returns.refund_amount - coalesce(returns.returned_cost_amount, 0)) filter (
            where order_lines.order_line_key is null or order_lines.margin_amount is not null
        ) as lost_margin_amount
    from returns
    cross join parameters
    left join orders on returns.order_key = orders.order_key
    left join order_lines on returns.order_line_key = order_lines.order_line_key
    where returns.return_date <= parameters.as_of_date
    group by returns.customer_key, coalesce(orders.month, returns.month)

),

-- A customer belongs to the month of the first order or contract, which is the month of his first row.
cohorts as (

    select
        customer_key,
        min(month) as cohort_month
    from customer_months
    group by customer_key

),

followed as (

    select
        customer_months.month,
        cohorts.cohort_month,
        customer_months.order_count > 0 or customer_months.active_contract_count > 0 as is_active,
        customer_months.revenue_amount + customer_months.contract_amount - coalesce(refunds.refund_amount, 0) as revenue_amount,
        customer_months.margin_amount + customer_months.contract_margin_amount - coalesce(refunds.lost_margin_amount, 0)
            as margin_amount,
        coalesce(refunds.late_refund_amount, 0) as late_refund_amount,
        customers.customer_segment,
        customers.customer_type,
        coalesce(customers.region, 'unknown') as region,
        customers.acquisition_channel
    from customer_months
    inner join cohorts on customer_months.customer_key = cohorts.customer_key
    inner join customers on customer_months.customer_key = customers.customer_key
    left join refunds on customer_months.customer_key = refunds.customer_key and customer_months.month = refunds.month

),

-- Every customer has a row for every month up to the run, so that the rows of a month are the cohort.
summed as (

    select
        cohort_month,
        month,
        case
            {%- for dimension in dimensions %}
            when grouping({{ dimension }}) = 0 then '{{ dimension }}'
            {%- endfor %}
            else 'total'
        end as dimension,
        coalesce({{ dimensions | join(', ') }}, 'total') as member,
        count(*) as cohort_count,
        count(*) filter (where is_active) as active_count,
        sum(revenue_amount) as revenue_amount,
        sum(margin_amount) as margin_amount,
        sum(late_refund_amount) as late_refund_amount
    from followed
    group by grouping sets (
        (cohort_month, month)
        {%- for dimension in dimensions %}, (cohort_month, month, {{ dimension }}){% endfor %}
    )

),

final as (

    select
        summed.cohort_month,
        cast(
            12 * (extract(year from summed.month) - extract(year from summed.cohort_month))
            + extract(month from summed.month) - extract(month from summed.cohort_month) as bigint
        ) as months_since,
        summed.month,
        summed.dimension,
        summed.member,
        summed.cohort_count,
        summed.active_count,
        {{ safe_ratio('summed.active_count', 'summed.cohort_count') }} as active_rate,
        cast(summed.revenue_amount as decimal(18, 2)) as revenue_amount,
        cast(summed.margin_amount as decimal(18, 2)) as margin_amount,
        cast(summed.late_refund_amount as decimal(18, 2)) as late_refund_amount,
        summed.month < parameters.as_of_month as is_final
    from summed
    cross join parameters

)

select * from final

{#- Grain: one row per customer and month, from the first order or contract to the month of the run. -#}
{%- set measures = ['revenue_12m', 'margin_12m', 'contribution_12m', 'rolling_revenue', 'rfm_revenue', 'rfm_order'] -%}

with parameters as (

    select * from {{ ref('dim_parameters') }}

),

customer_months as (

    select * from {{ ref('fct_customer_months') }}

),

contributions as (

    select
        customer_key,
        month,
        sum(revenue_amount - refund_amount) as revenue_amount,
        sum(contribution_amount) as margin_amount,
        count(*) as contribution_count,
        sum(order_count) as order_count
    from {{ ref('kpi_customer_contributions') }}
    group by customer_key, month

),

-- What enters a window with its month leaves it when the window has moved past it: one running sum instead of a join per month end.
entering_and_leaving as (

    select
        customer_key,
        month,
        revenue_amount as revenue_12m,
        margin_amount as margin_12m,
        contribution_count as contribution_12m,
        revenue_amount as rolling_revenue,
        revenue_amount as rfm_revenue,
        order_count as rfm_order
    from contributions
    union all
    select
        customer_key,
        {{ date_plus('month', 12, 'month') }} as month,
        -revenue_amount as revenue_12m,
        -margin_amount as margin_12m,
        -contribution_count as contribution_12m,
        0 as rolling_revenue,
        0 as rfm_revenue,
        0 as rfm_order
    from contributions
    union all
    select
        contributions.customer_key,
        {{ date_plus('contributions.month', 'parameters.revenue_window_months', 'month') }} as month,
        0 as revenue_12m,
        0 as margin_12m,
        0 as contribution_12m,
        -contributions.revenue_amount as rolling_revenue,
        0 as rfm_revenue,
        0 as rfm_order
    from contributions
    cross join parameters
    union all
    select
        contributions.customer_key,
        {{ date_plus('contributions.month', 'parameters.rfm_window_months', 'month') }} as month,
        0 as revenue_12m,
        0 as margin_12m,
        0 as contribution_12m,
        0 as rolling_revenue,
        -contributions.revenue_amount as rfm_revenue,
        -contributions.order_count as rfm_order
    from contributions
    cross join parameters

),

changes as (

    select
        customer_key,
        {%- for measure in measures %}
        sum({{ measure }}) as {{ measure }},
        {%- endfor %}
        month
    from entering_and_leaving
    group by customer_key, month

),

-- Months without an event have a row in customer_months, so that what leaves a window is missed in the month in which it leaves.
summed as (

    select
        customer_months.customer_month_key,
        customer_months.customer_key,
        {%- for measure in measures %}
        sum(coalesce(changes.{{ measure }}, 0)) over (
            partition by customer_months.customer_key
            order by customer_months.month
            rows between unbounded preceding and current row
        ) as {{ measure }},
        {%- endfor %}
        customer_months.month
    from customer_months
    left join changes on customer_months.customer_key = changes.customer_key and customer_months.month = changes.month

),

final as (

    select
        customer_month_key,
        customer_key,
        month,
        cast(rolling_revenue as decimal(18, 2)) as rolling_revenue_amount,
        cast(revenue_12m as decimal(18, 2)) as revenue_12m_amount,
        cast(margin_12m as decimal(18, 2)) as margin_12m_amount,
        contribution_12m > 0 as is_active_12m,
        cast(rfm_revenue as decimal(18, 2)) as rfm_revenue_amount,
        cast(rfm_order as bigint) as rfm_order_count
    from summed

)

select * from final

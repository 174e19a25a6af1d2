{#- Grain: one row per customer and month, from the first order or contract to the month of the run. -#}

with sums as (

    select * from {{ ref('kpi_customer_window_sums') }}

),

customer_months as (

    select * from {{ ref('fct_customer_months') }}

),

-- The days since an order grow every night, for every customer; nothing else here does, so the sums are a model of their own.
final as (

    select
        sums.customer_month_key,
        sums.customer_key,
        sums.month,
        sums.rolling_revenue_amount,
        sums.revenue_12m_amount,
        sums.margin_12m_amount,
        sums.is_active_12m,
        sums.rfm_revenue_amount,
        sums.rfm_order_count,
        case when sums.rfm_order_count > 0 then customer_months.days_since_last_order end as rfm_recency_days
    from sums
    inner join customer_months on sums.customer_month_key = customer_months.customer_month_key

)

select * from final

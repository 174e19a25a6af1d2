{#- Grain: one row per customer cluster. -#}

with clusters as (

    select * from {{ ref('pred_customer_clusters') }}

),

profiles as (

    select * from {{ ref('pred_customer_profiles') }}
    where purpose = 'today'

),

amounts as (

    select * from {{ ref('kpi_abc_classes') }}

),

-- Medians are rounded: machines agree on them to the fourth digit.
summed as (

    select
        clusters.cluster_key,
        clusters.cluster_name,
        clusters.differences,
        clusters.method,
        count(*) as customer_count,
        count(*) filter (where profiles.customer_type = 'business') as business_count,
        count(*) filter (where profiles.is_under_contract) as contract_count,
        count(*) filter (where amounts.abc_margin_class = 'A') as best_count,
        coalesce(sum(amounts.revenue_12m_amount), 0) as revenue_12m_amount,
        sum(amounts.margin_12m_amount) as margin_12m_amount,
        round(cast(percentile_cont(0.5) within group (order by profiles.orders_per_year) as double), 4) as median_orders_per_year,
        round(cast(percentile_cont(0.5) within group (order by cast(profiles.basket_amount as double)) as double), 4)
            as median_basket_amount,
        round(cast(percentile_cont(0.5) within group (order by cast(profiles.recency_days as double)) as double), 4)
            as median_recency_days
    from clusters
    inner join profiles on clusters.customer_key = profiles.customer_key
    left join amounts on clusters.customer_key = amounts.customer_key
    group by all

),

final as (

    select
        cluster_key,
        cluster_name,
        differences,
        method,
        cast(customer_count as bigint) as customer_count,
        {{ safe_ratio('customer_count', 'sum(customer_count) over ()') }} as customer_rate,
        cast(revenue_12m_amount as decimal(18, 2)) as revenue_12m_amount,
        {{ safe_ratio('revenue_12m_amount', 'sum(revenue_12m_amount) over ()') }} as revenue_rate,
        cast(margin_12m_amount as decimal(18, 2)) as margin_12m_amount,
        {{ safe_ratio('margin_12m_amount', 'sum(margin_12m_amount) over ()') }} as margin_rate,
        cast(best_count as bigint) as best_customer_count,
        {{ safe_ratio('business_count', 'customer_count') }} as business_rate,
        {{ safe_ratio('contract_count', 'customer_count') }} as contract_rate,
        median_orders_per_year,
        cast({{ rounded('median_basket_amount', 2) }} as decimal(18, 2)) as median_basket_amount,
        median_recency_days
    from summed

)

select * from final

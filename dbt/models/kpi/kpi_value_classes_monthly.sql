{#- Grain: one row per customer and month end: the last 24 and the one before them. -#}

with parameters as (

    select * from {{ ref('dim_parameters') }}

),

customers as (

    select * from {{ ref('dim_customers') }}
    where is_current and not is_test

),

windows as (

    select
        windows.customer_month_key,
        windows.customer_key,
        windows.month,
        windows.revenue_12m_amount,
        windows.margin_12m_amount,
        windows.is_active_12m,
        windows.rfm_revenue_amount,
        windows.rfm_order_count,
        windows.rfm_recency_days,
        greatest(windows.revenue_12m_amount, 0) as share_amount
    from {{ ref('kpi_customer_windows') }} as windows
    cross join parameters
    inner join customers on windows.customer_key = customers.customer_key
    where windows.month >= {{ date_plus('parameters.as_of_month', -24, 'month') }}

),

segments as (

    select * from {{ ref('rfm_segments') }}

),

-- Customers of the same amount stay together: what is before them is the sum up to and with them, less all of theirs.
shares as (

    select
        windows.*,
        sum(windows.share_amount) over (
            partition by windows.month
            order by windows.share_amount desc
            range between unbounded preceding and current row
        ) - windows.share_amount * count(*) over (partition by windows.month, windows.share_amount) as amount_before,
        sum(windows.share_amount) over (partition by windows.month) as total_amount
    from windows

),

scored as (

    select
        customer_key,
        month,
        cast(ceil(cume_dist() over (partition by month order by rfm_recency_days desc) * 5) as bigint) as recency_score,
        cast(ceil(cume_dist() over (partition by month order by rfm_order_count) * 5) as bigint) as frequency_score,
        cast(ceil(cume_dist() over (partition by month order by rfm_revenue_amount) * 5) as bigint) as monetary_score
    from windows
    where rfm_order_count > 0

),

final as (

    select
        shares.customer_month_key,
        shares.customer_key,
        shares.month,
        shares.revenue_12m_amount,
        shares.margin_12m_amount,
        shares.is_active_12m,
        case
            when {{ safe_ratio('shares.amount_before', 'shares.total_amount') }} < parameters.abc_a_share then 'A'
            when {{ safe_ratio('shares.amount_before', 'shares.total_amount') }} < parameters.abc_b_share then 'B'
            else 'C'
        end as abc_revenue_class,
        segments.rfm_code,
        coalesce(segments.rfm_segment, 'inactive') as rfm_segment
    from shares
    cross join parameters
    left join scored on shares.customer_key = scored.customer_key and shares.month = scored.month
    left join segments
        on
            cast(scored.recency_score as string) || cast(scored.frequency_score as string) || cast(scored.monetary_score as string)
            = segments.rfm_code

)

select * from final

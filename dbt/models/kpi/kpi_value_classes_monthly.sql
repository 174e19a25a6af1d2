{#- Grain: one row per customer and month end: the last 24 and the one before them. -#}
{%- set scores = [
    ('recency', 'rfm_recency_days', 'desc'), ('frequency', 'rfm_order_count', 'asc'), ('monetary', 'rfm_revenue_amount', 'asc'),
] %}

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

-- Customers of the same amount stay together: what is before them is the sum up to and with them, less all of theirs. Amounts and scores
-- are ranked once per value, not once per customer.
shares as (

    select
        month,
        share_amount,
        sum(sum(share_amount)) over (partition by month order by share_amount desc) - sum(share_amount) as amount_before,
        sum(sum(share_amount)) over (partition by month) as total_amount
    from windows
    group by month, share_amount

),

{% for score, value, direction in scores -%}
{{ score }}_scores as (

    select
        month,
        {{ value }},
        cast(
            ceil(
                cast(sum(count(*)) over (partition by month order by {{ value }} {{ direction }}) as double)
                / cast(sum(count(*)) over (partition by month) as double) * 5
            ) as bigint
        ) as {{ score }}_score
    from windows
    where rfm_order_count > 0
    group by month, {{ value }}

),

{% endfor -%}
final as (

    select
        windows.customer_month_key,
        windows.customer_key,
        windows.month,
        windows.revenue_12m_amount,
        windows.margin_12m_amount,
        windows.is_active_12m,
        case
            when {{ safe_ratio('shares.amount_before', 'shares.total_amount') }} < parameters.abc_a_share then 'A'
            when {{ safe_ratio('shares.amount_before', 'shares.total_amount') }} < parameters.abc_b_share then 'B'
            else 'C'
        end as abc_revenue_class,
        segments.rfm_code,
        coalesce(segments.rfm_segment, 'inactive') as rfm_segment
    from windows
    cross join parameters
    inner join shares on windows.month = shares.month and windows.share_amount = shares.share_amount
    -- Who bought nothing has no frequency score, and so no segment.
    {% for score, value, direction in scores -%}
    left join {{ score }}_scores on windows.month = {{ score }}_scores.month and windows.{{ value }} = {{ score }}_scores.{{ value }}
    {% endfor -%}
    left join segments
        on
            cast(recency_scores.recency_score as string)
            || cast(frequency_scores.frequency_score as string)
            || cast(monetary_scores.monetary_score as string)
            = segments.rfm_code

)

select * from final

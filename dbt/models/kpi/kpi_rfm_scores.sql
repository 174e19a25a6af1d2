{#- Grain: one row per customer who bought something within the window. -#}

with parameters as (

    select * from {{ ref('dim_parameters') }}

),

customers as (

    select * from {{ ref('dim_customers') }}
    where is_current and not is_test and customer_key <> 'unknown'

),

contributions as (

    select * from {{ ref('kpi_customer_contributions') }}

),

segments as (

    select * from {{ ref('rfm_segments') }}

),

summed as (

    select
        contributions.customer_key,
        max(contributions.contribution_date) filter (where contributions.order_count > 0) as last_order_date,
        sum(contributions.order_count) as order_count,
        sum(contributions.revenue_amount - contributions.refund_amount) as revenue_amount
    from contributions
    cross join parameters
    inner join customers on contributions.customer_key = customers.customer_key
    where contributions.contribution_date > {{ date_plus('parameters.as_of_date', '-parameters.rfm_window_months', 'month') }}
    group by contributions.customer_key

),

bought as (

    select
        summed.customer_key,
        summed.last_order_date,
        {{ days_between('summed.last_order_date', 'parameters.as_of_date') }} as recency_days,
        summed.order_count,
        summed.revenue_amount
    from summed
    cross join parameters
    where summed.order_count > 0

),

-- Not ntile, which tears customers of the same value apart: everybody of a value has the share of those up to it.
scored as (

    select
        customer_key,
        last_order_date,
        recency_days,
        order_count,
        revenue_amount,
        cast(ceil(cume_dist() over (order by recency_days desc) * 5) as bigint) as recency_score,
        cast(ceil(cume_dist() over (order by order_count) * 5) as bigint) as frequency_score,
        cast(ceil(cume_dist() over (order by revenue_amount) * 5) as bigint) as monetary_score
    from bought

),

coded as (

    select
        scored.*,
        cast(scored.recency_score as string) || cast(scored.frequency_score as string) || cast(scored.monetary_score as string)
            as rfm_code
    from scored

),

final as (

    select
        coded.customer_key,
        coded.last_order_date,
        coded.recency_days,
        cast(coded.order_count as bigint) as order_count,
        cast(coded.revenue_amount as decimal(18, 2)) as revenue_amount,
        coded.recency_score,
        coded.frequency_score,
        coded.monetary_score,
        coded.rfm_code,
        segments.rfm_segment
    from coded
    inner join segments on coded.rfm_code = segments.rfm_code

)

select * from final

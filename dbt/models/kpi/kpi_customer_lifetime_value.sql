{#- Grain: one row per customer; the unknown member and test customers have none. -#}

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

abc_classes as (

    select * from {{ ref('kpi_abc_classes') }}

),

predictions as (

    select * from {{ ref('pred_customer_values') }}

),

summed as (

    select
        customer_key,
        min(contribution_date) filter (where order_count > 0) as first_order_date,
        max(contribution_date) filter (where order_count > 0) as last_order_date,
        sum(order_count) as order_count,
        sum(revenue_amount) as revenue_amount,
        sum(costed_revenue_amount) as costed_revenue_amount,
        sum(refund_amount) as refund_amount,
        sum(contribution_amount) as contribution_amount
    from contributions
    group by customer_key

),

-- Somebody who never bought is worth 0 so far; what somebody is worth whose goods have no known cost, nobody knows.
final as (

    select
        customers.customer_key,
        parameters.as_of_date,
        customers.customer_type,
        customers.customer_segment,
        coalesce(customers.region, 'unknown') as region,
        customers.acquisition_channel,
        summed.first_order_date,
        summed.last_order_date,
        cast(coalesce(summed.order_count, 0) as bigint) as order_count,
        cast(coalesce(summed.revenue_amount, 0) as decimal(18, 2)) as revenue_amount,
        cast(coalesce(summed.refund_amount, 0) as decimal(18, 2)) as refund_amount,
        {{ safe_ratio('summed.costed_revenue_amount', 'summed.revenue_amount') }} as cost_coverage_rate,
        cast(case when summed.customer_key is null then 0 else summed.contribution_amount end as decimal(18, 2)) as historic_clv_amount,
        predictions.predicted_clv_amount,
        predictions.lower_clv_amount,
        predictions.upper_clv_amount,
        predictions.prediction_method,
        predictions.probability_alive,
        predictions.expected_purchases,
        abc_classes.revenue_12m_amount,
        abc_classes.margin_12m_amount,
        abc_classes.abc_revenue_class,
        abc_classes.abc_margin_class,
        coalesce(abc_classes.abc_margin_class, abc_classes.abc_revenue_class) as abc_class
    from customers
    cross join parameters
    inner join abc_classes on customers.customer_key = abc_classes.customer_key
    left join summed on customers.customer_key = summed.customer_key
    left join predictions on customers.customer_key = predictions.customer_key

)

select * from final

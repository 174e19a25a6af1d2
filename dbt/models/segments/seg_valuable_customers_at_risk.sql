{#- Grain: one row per customer of class A or B who is likely to be lost, late with the next purchase, or whose contract runs out. -#}

with parameters as (

    select * from {{ ref('dim_parameters') }}

),

customers as (

    select * from {{ ref('dim_customers') }}
    where is_current and not is_deleted

),

customer_values as (

    select * from {{ ref('kpi_customer_lifetime_value') }}
    where abc_class in ('A', 'B')

),

contracts as (

    select * from {{ ref('fct_contracts') }}
    where is_countable

),

purchase_stretches as (

    select * from {{ ref('kpi_purchase_stretches') }}
    where lost_date is null

),

contract_stretches as (

    select * from {{ ref('kpi_contract_stretches') }}
    where lost_date is null and ended_date is not null

),

churn_risks as (

    select * from {{ ref('pred_churn_risks') }}
    where prediction_method <> 'rule'

),

rhythms as (

    select
        purchase_stretches.customer_key,
        {{ days_between('purchase_stretches.last_order_date', 'parameters.as_of_date') }} as days_since_last_order,
        {{ safe_ratio(
            days_between('purchase_stretches.started_date', 'purchase_stretches.last_order_date'),
            'purchase_stretches.purchase_day_count - 1'
        ) }} as usual_gap_days
    from purchase_stretches
    cross join parameters
    where purchase_stretches.purchase_day_count >= parameters.churn_risk_min_orders

),

predicted as (

    select
        churn_risks.customer_key,
        cast(rhythms.days_since_last_order as bigint) as days_since_last_order,
        rhythms.usual_gap_days,
        ', chance of loss ' || cast(cast(round(churn_risks.churn_probability * 100) as bigint) as string) || ' %'
        || coalesce(': ' || churn_risks.main_reason, '') as reason
    from churn_risks
    cross join parameters
    left join rhythms on churn_risks.customer_key = rhythms.customer_key
    where churn_risks.churn_probability >= parameters.churn_risk_min_probability

),

-- Where no model says anything, being late does.
overdue as (

    select
        rhythms.customer_key,
        cast(rhythms.days_since_last_order as bigint) as days_since_last_order,
        rhythms.usual_gap_days,
        ', last order ' || cast(rhythms.days_since_last_order as string) || ' days ago, usual rhythm '
        || cast(cast(round(rhythms.usual_gap_days) as bigint) as string) || ' days' as reason
    from rhythms
    cross join parameters
    left join churn_risks on rhythms.customer_key = churn_risks.customer_key
    where
        churn_risks.customer_key is null
        and rhythms.days_since_last_order >= rhythms.usual_gap_days * parameters.churn_risk_overdue_factor

),

-- The contract that ends last ends by notice or by an unpaid bill, and none follows.
ending as (

    select
        contract_stretches.customer_key,
        contract_stretches.ended_date as contract_end_date,
        ', contract paid until ' || cast(contract_stretches.ended_date as string)
        || case when bool_or(contracts.contract_status = 'payment_failed') then ' (payment failed)' else ' (cancelled)' end as reason
    from contract_stretches
    inner join contracts
        on
            contract_stretches.customer_key = contracts.customer_key
            and contract_stretches.ended_date = contracts.ended_date
    where contracts.contract_status in ('cancelled', 'payment_failed')
    group by contract_stretches.customer_key, contract_stretches.ended_date

),

final as (

    select
        customer_values.customer_key,
        cast(row_number() over (order by customer_values.margin_12m_amount desc nulls last, customer_values.customer_key asc) as bigint)
            as rank_number,
        customer_values.abc_class || ' customer' || coalesce(predicted.reason, overdue.reason, '') || coalesce(ending.reason, '') as reason,
        customer_values.abc_class,
        customer_values.revenue_12m_amount,
        customer_values.margin_12m_amount,
        customer_values.historic_clv_amount,
        churn_risks.churn_probability,
        coalesce(predicted.days_since_last_order, overdue.days_since_last_order) as days_since_last_order,
        coalesce(predicted.usual_gap_days, overdue.usual_gap_days) as usual_gap_days,
        ending.contract_end_date
    from customer_values
    inner join customers on customer_values.customer_key = customers.customer_key
    left join churn_risks on customer_values.customer_key = churn_risks.customer_key
    left join predicted on customer_values.customer_key = predicted.customer_key
    left join overdue on customer_values.customer_key = overdue.customer_key
    left join ending on customer_values.customer_key = ending.customer_key
    where predicted.customer_key is not null or overdue.customer_key is not null or ending.customer_key is not null

)

select * from final

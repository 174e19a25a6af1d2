{#- Grain: one row per month and customer segment with members and comparable customers outside the programme. -#}

with parameters as (

    select * from {{ ref('dim_parameters') }}

),

comparables as (

    select * from {{ ref('kpi_loyalty_comparables') }}

),

customer_months as (

    select
        customer_key,
        month,
        order_count,
        margin_amount + contract_margin_amount - refund_amount + returned_cost_amount as margin_amount
    from {{ ref('fct_customer_months') }}

),

-- The month of joining is half before it and counts for nobody; nor do months from leaving, or from joining oneself, on.
observed as (

    select
        comparables.stratum_key,
        comparables.customer_key,
        comparables.customer_segment,
        comparables.is_member,
        customer_months.month,
        customer_months.order_count,
        customer_months.margin_amount,
        count(*) filter (where comparables.is_member) over (
            partition by comparables.stratum_key, customer_months.month
        ) as member_count,
        count(*) filter (where not comparables.is_member) over (
            partition by comparables.stratum_key, customer_months.month
        ) as comparable_count
    from comparables
    cross join parameters
    inner join customer_months
        on
            comparables.customer_key = customer_months.customer_key
            and comparables.index_month < customer_months.month
            and (comparables.until_month is null or comparables.until_month > customer_months.month)
    where customer_months.month <= parameters.as_of_month

),

-- A comparable stands for as many members as there are of its kind for each of it; it may stand for several cohorts.
weighed as (

    select
        month,
        customer_segment,
        customer_key,
        is_member,
        order_count,
        margin_amount,
        sum(case when is_member then 1 else {{ safe_ratio('member_count', 'comparable_count') }} end) as weight
    from observed
    where member_count > 0 and comparable_count > 0
    group by month, customer_segment, customer_key, is_member, order_count, margin_amount

),

spread as (

    select
        *,
        var_samp(cast(order_count as double)) over (partition by month, is_member) as order_variance,
        var_samp(cast(margin_amount as double)) over (partition by month, is_member) as margin_variance
    from weighed

),

unmatched as (

    select
        month,
        customer_segment,
        count(*) filter (where is_member) as all_member_count
    from observed
    group by month, customer_segment

),

compared as (

    select
        month,
        customer_segment,
        count(*) filter (where is_member) as member_count,
        count(*) filter (where not is_member) as comparable_count,
        sum(case when is_member then weight else -weight end * order_count) as extra_orders,
        sum(case when is_member then weight else -weight end * cast(margin_amount as double)) as extra_margin,
        sum(weight * weight * order_variance) as order_variance,
        sum(weight * weight * margin_variance) as margin_variance
    from spread
    group by month, customer_segment

),

final as (

    select
        {{ surrogate_key(['compared.month', 'compared.customer_segment']) }} as loyalty_effect_key,
        compared.month,
        compared.customer_segment,
        unmatched.all_member_count,
        compared.member_count,
        compared.comparable_count,
        cast(compared.extra_orders as decimal(18, 4)) as extra_orders,
        cast(compared.extra_margin as decimal(18, 4)) as extra_margin_amount,
        compared.order_variance,
        compared.margin_variance
    from compared
    inner join unmatched on compared.month = unmatched.month and compared.customer_segment = unmatched.customer_segment

)

select * from final

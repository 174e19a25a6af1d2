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

last_twelve_months as (

    select
        contributions.customer_key,
        sum(contributions.revenue_amount - contributions.refund_amount) as revenue_amount,
        sum(contributions.contribution_amount) as margin_amount
    from contributions
    cross join parameters
    where contributions.contribution_date > {{ date_plus('parameters.as_of_date', -12, 'month') }}
    group by contributions.customer_key

),

-- Nobody bought for a null margin here: goods without a known cost. Who bought nothing has 0 of both.
amounts as (

    select
        'revenue' as measure,
        customers.customer_key,
        coalesce(last_twelve_months.revenue_amount, 0) as amount
    from customers
    left join last_twelve_months on customers.customer_key = last_twelve_months.customer_key
    union all
    select
        'margin' as measure,
        customers.customer_key,
        case when last_twelve_months.customer_key is null then 0 else last_twelve_months.margin_amount end as amount
    from customers
    left join last_twelve_months on customers.customer_key = last_twelve_months.customer_key

),

-- Customers of the same amount stay together; what is not positive has no share.
steps as (

    select
        measure,
        amount,
        sum(amount) as step_amount
    from amounts
    where amount > 0
    group by all

),

shares as (

    select
        measure,
        amount,
        sum(step_amount) over (
            partition by measure
            order by amount desc
            rows between unbounded preceding and current row
        ) - step_amount as amount_before,
        sum(step_amount) over (partition by measure) as total_amount
    from steps

),

classed as (

    select
        amounts.measure,
        amounts.customer_key,
        amounts.amount,
        case
            when amounts.amount is null then null
            when {{ safe_ratio('shares.amount_before', 'shares.total_amount') }} < parameters.abc_a_share then 'A'
            when {{ safe_ratio('shares.amount_before', 'shares.total_amount') }} < parameters.abc_b_share then 'B'
            else 'C'
        end as abc_class
    from amounts
    cross join parameters
    left join shares
        on
            amounts.measure = shares.measure
            and amounts.amount = shares.amount

),

final as (

    select
        customer_key,
        cast(max(case when measure = 'revenue' then amount end) as decimal(18, 2)) as revenue_12m_amount,
        cast(max(case when measure = 'margin' then amount end) as decimal(18, 2)) as margin_12m_amount,
        max(case when measure = 'revenue' then abc_class end) as abc_revenue_class,
        max(case when measure = 'margin' then abc_class end) as abc_margin_class
    from classed
    group by customer_key

)

select * from final

{#- Grain: one row per measure, member and complete month, from the first month with a customer. -#}

with cutoffs as (

    select * from {{ ref('pred_cutoffs') }}
    where purpose = 'fit'

),

revenue_months as (

    select * from {{ ref('pred_revenue_months') }}
    where purpose = 'fit' and is_complete

),

customer_months as (

    select * from {{ ref('fct_customer_months') }}

),

customers as (

    select * from {{ ref('dim_customers') }}
    where is_current

),

counted as (

    select
        customers.customer_segment as member,
        customer_months.month,
        sum(customer_months.order_count) as order_count,
        count(*) filter (where customer_months.is_active) as active_customer_count
    from customer_months
    cross join cutoffs
    inner join customers on customer_months.customer_key = customers.customer_key
    where {{ date_plus(date_plus('customer_months.month', 1, 'month'), -1) }} <= cutoffs.through_date
    group by all

),

by_member as (

    select * from counted
    union all
    select
        'total' as member,
        month,
        sum(order_count) as order_count,
        sum(active_customer_count) as active_customer_count
    from counted
    group by all

),

final as (

    select
        'revenue' as measure,
        member,
        month,
        cast(sum(revenue_amount) as decimal(18, 2)) as value
    from revenue_months
    group by all
    union all
    select
        'orders' as measure,
        member,
        month,
        cast(order_count as decimal(18, 2)) as value
    from by_member
    union all
    select
        'active_customers' as measure,
        member,
        month,
        cast(active_customer_count as decimal(18, 2)) as value
    from by_member

)

select * from final

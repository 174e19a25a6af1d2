{#- Grain: one row per customer whom the sales employee he belongs to has a reason to call now. -#}

with parameters as (

    select * from {{ ref('dim_parameters') }}

),

customers as (

    select * from {{ ref('dim_customers') }}
    where is_current and not is_deleted

),

employees as (

    select * from {{ ref('dim_employees') }}
    where employee_key <> 'unknown' and not is_deleted

),

purchase_stretches as (

    select * from {{ ref('kpi_purchase_stretches') }}
    where lost_date is null

),

sessions as (

    select * from {{ ref('fct_web_sessions') }}
    where not is_bot and not is_deleted and product_key <> 'unknown'

),

products as (

    select * from {{ ref('dim_products') }}

),

-- A talk planned for tomorrow needs no call today.
last_talks as (

    select * from {{ ref('fct_activities') }}
    where not is_deleted and activity_type in ('call', 'visit', 'meeting')
    qualify row_number() over (partition by customer_key order by activity_date desc, activity_key desc) = 1

),

offers as (

    select * from {{ ref('pred_next_best_offers') }}
    where rank_number = 1

),

-- What convinced a segment most, whatever the campaign was for.
winning_arguments as (

    select * from {{ ref('kpi_winning_arguments') }}
    where is_winner
    qualify
        row_number() over (
            partition by customer_segment order by conversion_rate desc, response_rate desc, addressed_count desc, purpose asc
        ) = 1

),

last_looks as (

    select
        sessions.customer_key,
        sessions.session_date,
        products.product_name
    from sessions
    cross join parameters
    inner join products on sessions.product_key = products.product_key
    where
        sessions.session_date <= parameters.as_of_date
        and {{ days_between('sessions.session_date', 'parameters.as_of_date') }} < parameters.sales_call_signal_days
    qualify row_number() over (partition by sessions.customer_key order by sessions.started_at desc, sessions.session_key desc) = 1

),

rhythms as (

    select
        purchase_stretches.customer_key,
        purchase_stretches.purchase_day_count >= parameters.churn_risk_min_orders as has_rhythm,
        {{ days_between('purchase_stretches.last_order_date', 'parameters.as_of_date') }} as days_since_last_order,
        {{ safe_ratio(days_between('started_date', 'last_order_date'), 'purchase_day_count - 1') }} as usual_gap_days
    from purchase_stretches
    cross join parameters

),

signals as (

    select
        customers.customer_key,
        employees.employee_key,
        employees.employee_id,
        offers.offered_product_name,
        offers.expected_margin_amount,
        coalesce(offers.argument, winning_arguments.argument) as argument,
        'looked at ' || last_looks.product_name || ' on ' || cast(last_looks.session_date as string) as look_reason,
        case
            when rhythms.has_rhythm and rhythms.days_since_last_order >= rhythms.usual_gap_days
                then
                    'last order ' || cast(rhythms.days_since_last_order as string) || ' days ago, usually every '
                    || cast(cast(round(rhythms.usual_gap_days) as bigint) as string)
        end as due_reason
    from customers
    cross join parameters
    inner join employees on customers.owner_employee_key = employees.employee_key
    inner join rhythms on customers.customer_key = rhythms.customer_key
    left join last_looks on customers.customer_key = last_looks.customer_key
    left join last_talks on customers.customer_key = last_talks.customer_key
    left join offers on customers.customer_key = offers.customer_key
    left join winning_arguments on customers.customer_segment = winning_arguments.customer_segment
    where
        (employees.left_date is null or employees.left_date > parameters.as_of_date)
        and (
            last_talks.activity_date is null
            or {{ days_between('last_talks.activity_date', 'parameters.as_of_date') }} >= parameters.sales_call_rest_days
        )

),

final as (

    select
        customer_key,
        cast(row_number() over (partition by employee_key order by expected_margin_amount desc nulls last, customer_key asc) as bigint)
            as rank_number,
        employee_key,
        employee_id,
        coalesce(look_reason || '; ' || due_reason, look_reason, due_reason) as reason,
        offered_product_name,
        expected_margin_amount,
        argument
    from signals
    where look_reason is not null or due_reason is not null

)

select * from final

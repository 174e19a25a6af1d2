{#- Grain: one row per customer and time in which no two purchases lie further apart than the churn window. -#}

with parameters as (

    select * from {{ ref('dim_parameters') }}

),

order_lines as (

    select * from {{ ref('fct_order_lines') }}
    where is_countable and customer_key <> 'unknown'

),

purchase_days as (

    select
        order_lines.customer_key,
        order_lines.order_date,
        lag(order_lines.order_date) over (partition by order_lines.customer_key order by order_lines.order_date) as previous_order_date,
        count(distinct order_lines.order_key) as order_count
    from order_lines
    cross join parameters
    where order_lines.order_date <= parameters.as_of_date
    group by order_lines.customer_key, order_lines.order_date

),

-- A purchase on the day the window ends is still in time; a return of goods is no purchase.
numbered as (

    select
        purchase_days.customer_key,
        purchase_days.order_date,
        purchase_days.order_count,
        sum(
            case
                when {{ days_between('purchase_days.previous_order_date', 'purchase_days.order_date') }} <= parameters.churn_window_days
                    then 0
                else 1
            end
        ) over (
            partition by purchase_days.customer_key
            order by purchase_days.order_date
            rows between unbounded preceding and current row
        ) as stretch_number
    from purchase_days
    cross join parameters

),

stretches as (

    select
        customer_key,
        cast(stretch_number as bigint) as stretch_number,
        min(order_date) as started_date,
        max(order_date) as last_order_date,
        count(*) as purchase_day_count,
        cast(sum(order_count) as bigint) as order_count
    from numbered
    group by all

),

final as (

    select
        {{ surrogate_key(['stretches.customer_key', 'stretches.stretch_number']) }} as purchase_stretch_key,
        stretches.customer_key,
        stretches.stretch_number,
        stretches.started_date,
        stretches.last_order_date,
        case
            when {{ days_between('stretches.last_order_date', 'parameters.as_of_date') }} >= parameters.churn_window_days
                then {{ date_plus('stretches.last_order_date', 'parameters.churn_window_days') }}
        end as lost_date,
        stretches.purchase_day_count,
        stretches.order_count
    from stretches
    cross join parameters

)

select * from final

{#- Grain: one row per reading (contract, rolling), customer and month with revenue at its start or at its end. -#}

with windows as (

    select * from {{ ref('kpi_customer_windows') }}

),

recurring_revenue as (

    select * from {{ ref('kpi_recurring_revenue') }}

),

-- Months without an invoice have a row, too, so that a loss shows in the month in which it happens. Who got back more than he paid
-- within the window counts as nothing, not as a debt.
levels as (

    select
        'rolling' as reading,
        customer_key,
        month,
        greatest(rolling_revenue_amount, 0) as end_amount
    from windows
    union all
    select
        'contract' as reading,
        windows.customer_key,
        windows.month,
        coalesce(recurring_revenue.recurring_amount, 0) as end_amount
    from windows
    left join recurring_revenue on windows.customer_key = recurring_revenue.customer_key and windows.month = recurring_revenue.month

),

followed as (

    select
        reading,
        customer_key,
        month,
        end_amount,
        coalesce(lag(end_amount) over (partition by reading, customer_key order by month), 0) as start_amount,
        coalesce(
            max(end_amount) over (
                partition by reading, customer_key
                order by month
                rows between unbounded preceding and 1 preceding
            ),
            0
        ) as highest_amount_before
    from levels

),

final as (

    select
        {{ surrogate_key(['reading', 'customer_key', 'month']) }} as revenue_movement_key,
        reading,
        customer_key,
        month,
        case
            when highest_amount_before = 0 then 'new'
            when start_amount = 0 then 'reactivation'
            when end_amount = 0 then 'churn'
            when end_amount > start_amount then 'expansion'
            when end_amount < start_amount then 'contraction'
            else 'unchanged'
        end as movement,
        cast(start_amount as decimal(18, 2)) as start_amount,
        cast(abs(end_amount - start_amount) as decimal(18, 2)) as movement_amount,
        cast(end_amount as decimal(18, 2)) as end_amount
    from followed
    where start_amount > 0 or end_amount > 0

)

select * from final

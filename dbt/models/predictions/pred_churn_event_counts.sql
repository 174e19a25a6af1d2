{#- Grain: one row per snapshot and customer not lost on that day to whom something had happened by then. -#}

with cases as (

    select
        snapshot_number,
        snapshot_date,
        customer_key,
        buying_since_date
    from {{ ref('pred_churn_cases') }}

),

events as (

    select * from {{ ref('pred_churn_events') }}

),

-- Each customer's own events, once per snapshot the customer is in.
dated as (

    select
        cases.snapshot_number,
        cases.customer_key,
        cases.buying_since_date,
        events.event_type,
        events.event_date,
        events.event_count,
        events.amount,
        events.lowest_score,
        {{ days_between('events.event_date', 'cases.snapshot_date') }} as age_days
    from cases
    inner join events
        on
            cases.customer_key = events.customer_key
            and cases.snapshot_date >= events.event_date

),

final as (

    select
        {{ surrogate_key(['snapshot_number', 'customer_key']) }} as churn_case_key,
        snapshot_number,
        customer_key,
        min(event_date) filter (where event_type = 'purchase') as first_order_date,
        cast(min(age_days) filter (where event_type = 'purchase') as bigint) as days_since_last_order,
        cast(max(age_days) filter (where event_type = 'purchase' and event_date >= buying_since_date) as bigint) as days_buying,
        count(*) filter (where event_type = 'purchase' and event_date >= buying_since_date) as purchase_day_count,
        cast(sum(event_count) filter (where event_type = 'purchase' and age_days < 90) as bigint) as order_count_90d,
        cast(sum(event_count) filter (where event_type = 'purchase' and age_days < 360) as bigint) as order_count_360d,
        cast(sum(amount) filter (where event_type = 'purchase' and age_days < 90) as decimal(18, 2)) as revenue_90d_amount,
        cast(
            sum(amount) filter (where event_type = 'purchase' and age_days between 90 and 179) as decimal(18, 2)
        ) as revenue_prior_90d_amount,
        cast(sum(amount) filter (where event_type = 'purchase' and age_days < 180) as decimal(18, 2)) as revenue_180d_amount,
        cast(
            sum(amount) filter (where event_type = 'purchase' and age_days between 180 and 359) as decimal(18, 2)
        ) as revenue_prior_180d_amount,
        cast(sum(event_count) filter (where event_type = 'return' and age_days < 180) as bigint) as return_count_180d,
        cast(sum(event_count) filter (where event_type = 'ticket' and age_days < 90) as bigint) as ticket_count_90d,
        cast(sum(event_count) filter (where event_type = 'complaint' and age_days < 90) as bigint) as complaint_count_90d,
        max_by(lowest_score, event_date) filter (where event_type = 'answer' and age_days < 360) as last_satisfaction_score,
        cast(sum(event_count) filter (where event_type = 'mailing' and age_days < 180) as bigint) as mailing_count_180d,
        cast(sum(event_count) filter (where event_type = 'reaction' and age_days < 180) as bigint) as reaction_count_180d,
        count(*) filter (where event_type = 'unsubscription' and age_days < 360) > 0 as has_unsubscribed,
        cast(sum(event_count) filter (where event_type = 'visit' and age_days < 90) as bigint) as visit_count_90d
    from dated
    group by snapshot_number, customer_key

)

select * from final

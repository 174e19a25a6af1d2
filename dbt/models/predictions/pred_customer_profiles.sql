{#- Grain: one row per day from which customers are profiled and customer who had bought lately or was under contract on it. -#}

with parameters as (

    select * from {{ ref('dim_parameters') }}

),

windows as (

    select * from {{ ref('pred_profile_windows') }}

),

customers as (

    select * from {{ ref('dim_customers') }}
    where is_current and not is_test and not is_deleted and customer_key <> 'unknown'

),

purchases as (

    select * from {{ ref('pred_customer_purchases') }}
    where order_count > 0 or is_under_contract

),

tickets as (

    select * from {{ ref('fct_tickets') }}
    where is_countable

),

addressees as (

    select * from {{ ref('kpi_campaign_addressees') }}

),

responses as (

    select * from {{ ref('fct_campaign_responses') }}
    where response_type in ('click', 'reply', 'conversion') and not is_bot and not is_deleted

),

-- Several responses to one mailing are one.
events as (

    select
        customer_key,
        'ticket' as event_type,
        cast(null as string) as response_key,
        created_date as event_date
    from tickets
    union all
    select
        customer_key,
        'mailing' as event_type,
        cast(null as string) as response_key,
        contact_date as event_date
    from addressees
    union all
    select
        customer_key,
        'response' as event_type,
        campaign_contact_key as response_key,
        response_date as event_date
    from responses

),

counted as (

    select
        windows.purpose,
        events.customer_key,
        count(*) filter (where events.event_type = 'ticket') as ticket_count,
        count(*) filter (where events.event_type = 'mailing') as mailing_count,
        count(distinct events.response_key) as response_count
    from events
    inner join windows on events.event_date between windows.from_date and windows.through_date
    group by all

),

-- Who is new is counted as if watched for the time after which a customer is lost: one order is no rhythm yet.
observed as (

    select
        purchases.*,
        windows.through_date,
        customers.customer_type,
        coalesce(counted.ticket_count, 0) as ticket_count,
        counted.mailing_count,
        counted.response_count,
        {{ days_between('purchases.first_date', 'windows.through_date') }} as tenure_days,
        greatest(
            parameters.churn_window_days,
            1 + {{ days_between('greatest(purchases.first_date, windows.from_date)', 'windows.through_date') }}
        ) as observed_days
    from purchases
    cross join parameters
    inner join windows on purchases.purpose = windows.purpose
    inner join customers on purchases.customer_key = customers.customer_key
    left join counted
        on
            purchases.purpose = counted.purpose
            and purchases.customer_key = counted.customer_key

),

final as (

    select
        customer_purchase_key as customer_profile_key,
        purpose,
        customer_key,
        through_date,
        customer_type,
        order_count,
        {{ safe_ratio('order_count * 365', 'observed_days') }} as orders_per_year,
        cast({{ rounded('cast(net_amount as double) / order_count', 2) }} as decimal(18, 2)) as basket_amount,
        cast({{ rounded('cast(margin_amount * 365 as double) / observed_days', 2) }} as decimal(18, 2)) as margin_per_year_amount,
        cast({{ days_between('last_order_date', 'through_date') }} as bigint) as recency_days,
        cast(tenure_days as bigint) as tenure_days,
        {{ safe_ratio('discount_amount', 'net_amount + discount_amount') }} as discount_rate,
        {{ safe_ratio('refund_amount', 'net_amount') }} as refund_rate,
        {{ safe_ratio('digital_order_count', 'order_count') }} as digital_rate,
        {{ safe_ratio('store_order_count', 'order_count') }} as store_rate,
        {{ safe_ratio('personal_order_count', 'order_count') }} as personal_rate,
        {{ safe_ratio('ticket_count * 365', 'observed_days') }} as tickets_per_year,
        {{ safe_ratio('response_count', 'mailing_count') }} as response_rate,
        is_under_contract,
        following_margin_amount
    from observed

)

select * from final

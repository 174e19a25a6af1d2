{#- Grain: one row per month, topic, product and customer segment with a question in the month or the three months before. -#}

with parameters as (

    select * from {{ ref('dim_parameters') }}

),

tickets as (

    select * from {{ ref('fct_tickets') }}
    where is_countable and not is_outbound

),

products as (

    select * from {{ ref('dim_products') }}

),

asked as (

    select
        cast(date_trunc('month', created_date) as date) as month,
        topic,
        product_key,
        customer_segment,
        count(*) as ticket_count,
        count(*) filter (where ticket_type = 'complaint') as complaint_count,
        count(distinct customer_key) filter (where customer_key <> 'unknown') as customer_count
    from tickets
    group by all

),

offsets as (

    select 0 as months_later
    union all
    select 1 as months_later
    union all
    select 2 as months_later
    union all
    select 3 as months_later

),

first_months as (

    select min(month) as month
    from asked

),

-- What was asked in a month is compared with in the three months after it.
compared as (

    select
        {{ date_plus('asked.month', 'offsets.months_later', 'month') }} as month,
        asked.topic,
        asked.product_key,
        asked.customer_segment,
        sum(case when offsets.months_later = 0 then asked.ticket_count else 0 end) as ticket_count,
        sum(case when offsets.months_later = 0 then asked.complaint_count else 0 end) as complaint_count,
        sum(case when offsets.months_later = 0 then asked.customer_count else 0 end) as customer_count,
        sum(case when offsets.months_later > 0 then asked.ticket_count else 0 end) as previous_ticket_count
    from asked
    cross join offsets
    group by all

),

final as (

    select
        {{ surrogate_key(['compared.month', 'compared.topic', 'compared.product_key', 'compared.customer_segment']) }}
            as question_topic_key,
        compared.month,
        compared.topic,
        compared.product_key,
        products.product_id,
        products.product_name,
        products.product_category,
        compared.customer_segment,
        cast(compared.ticket_count as bigint) as ticket_count,
        cast(compared.complaint_count as bigint) as complaint_count,
        cast(compared.customer_count as bigint) as customer_count,
        {{ safe_ratio('compared.ticket_count', 'sum(compared.ticket_count) over (partition by compared.month)') }} as share_rate,
        -- Without three months before there is nothing to compare with.
        case
            when compared.month >= {{ date_plus('first_months.month', 3, 'month') }}
                then cast(compared.previous_ticket_count as double) / 3
        end as previous_mean_count,
        case
            when compared.month >= {{ date_plus('first_months.month', 3, 'month') }}
                then compared.ticket_count - cast(compared.previous_ticket_count as double) / 3
        end as trend_count,
        compared.month < parameters.as_of_month as is_final
    from compared
    cross join parameters
    cross join first_months
    inner join products on compared.product_key = products.product_key
    where compared.month <= parameters.as_of_month

)

select * from final

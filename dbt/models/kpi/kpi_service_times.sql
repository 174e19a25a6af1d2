{#- Grain: one row per reading (first_response, resolution) and ticket that counts and waits, or waited, for it. -#}

with parameters as (

    select * from {{ ref('dim_parameters') }}

),

-- Closed by a rule, or solved without any reply: apart, as for first-contact resolution.
tickets as (

    select * from {{ ref('fct_tickets') }}
    where is_countable and not is_auto_closed and not (is_resolved and is_zero_reply)

),

opening_days as (

    select
        business_days.date_day,
        business_days.opens_at,
        business_days.open_seconds,
        business_days.open_seconds_before
    from {{ ref('dim_business_days') }} as business_days
    inner join parameters on business_days.calendar = parameters.service_calendar

),

employees as (

    select * from {{ ref('dim_employees') }}

),

products as (

    select * from {{ ref('dim_products') }}

),

customer_values as (

    select * from {{ ref('kpi_customer_lifetime_value') }}

),

-- Nobody waits for the first response to what an agent opened himself; solved at an unknown moment took an unknown time.
awaited as (

    select
        'first_response' as reading,
        ticket_key,
        first_response_at as happened_at,
        coalesce(first_response_priority, priority) as priority
    from tickets
    where not is_outbound
    union all
    select
        'resolution' as reading,
        ticket_key,
        resolved_at as happened_at,
        coalesce(resolution_priority, priority) as priority
    from tickets
    where resolved_at is not null or not is_resolved

),

-- Who still waits has waited until the end of the day of the run.
spanned as (

    select
        awaited.reading,
        awaited.ticket_key,
        awaited.priority,
        tickets.created_at as started_at,
        coalesce(awaited.happened_at, cast({{ date_plus('parameters.as_of_date', 1) }} as timestamp)) as ended_at,
        awaited.happened_at is null as is_censored,
        parameters.business_time_zone
    from awaited
    inner join tickets on awaited.ticket_key = tickets.ticket_key
    cross join parameters

),

timed as (

    select
        spanned.reading,
        spanned.ticket_key,
        spanned.priority,
        spanned.ended_at,
        spanned.is_censored,
        cast(round({{ elapsed_days('spanned.started_at', 'spanned.ended_at') }} * 86400) as bigint) as seconds,
        -- Open seconds up to the end, less those up to the start. On a closed day, which has no opening, greatest() is 0.
        ended.open_seconds_before
        + least(
            greatest(cast(round({{ elapsed_days('ended.opens_at', 'spanned.ended_at') }} * 86400) as bigint), 0),
            ended.open_seconds
        )
        - started.open_seconds_before
        - least(
            greatest(cast(round({{ elapsed_days('started.opens_at', 'spanned.started_at') }} * 86400) as bigint), 0),
            started.open_seconds
        ) as open_seconds
    from spanned
    left join opening_days as started
        on cast({{ local_time('spanned.started_at', 'spanned.business_time_zone') }} as date) = started.date_day
    left join opening_days as ended
        on cast({{ local_time('spanned.ended_at', 'spanned.business_time_zone') }} as date) = ended.date_day
    where spanned.ended_at >= spanned.started_at

),

final as (

    select
        {{ surrogate_key(['timed.reading', 'timed.ticket_key']) }} as service_time_key,
        timed.reading,
        timed.ticket_key,
        tickets.customer_key,
        cast(date_trunc('month', tickets.created_date) as date) as created_month,
        timed.ended_at,
        timed.is_censored,
        tickets.is_outbound,
        cast(timed.seconds as double) / 3600 as calendar_hours,
        cast(timed.open_seconds as double) / 3600 as business_hours,
        timed.priority,
        tickets.team,
        coalesce(employees.employee_id, 'unknown') as employee,
        tickets.channel,
        tickets.topic,
        tickets.ticket_type,
        coalesce(products.product_category, 'unknown') as product_category,
        tickets.customer_segment,
        coalesce(customer_values.abc_class, 'unknown') as abc_class
    from timed
    inner join tickets on timed.ticket_key = tickets.ticket_key
    left join employees on tickets.employee_key = employees.employee_key
    left join products on tickets.product_key = products.product_key
    left join customer_values on tickets.customer_key = customer_values.customer_key

)

select * from final

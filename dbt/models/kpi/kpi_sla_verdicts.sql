{#- Grain: one row per reading (first_response, resolution) and ticket a customer opened for which seed sla_targets promises a time. -#}

with service_times as (

    select * from {{ ref('kpi_service_times') }}

),

sla_targets as (

    select * from {{ ref('sla_targets') }}

),

promised as (

    select
        priority,
        clock,
        first_response_hours,
        resolution_hours,
        valid_from,
        lead(valid_from) over (partition by priority order by valid_from) as next_valid_from
    from sla_targets

),

-- What was promised, for the priority the ticket had, on the day it happened; on the day of the run for what still waits.
targeted as (

    select
        service_times.*,
        promised.clock,
        case
            when service_times.reading = 'first_response' then promised.first_response_hours
            else promised.resolution_hours
        end as target_hours,
        case when promised.clock = 'business' then service_times.business_hours else service_times.calendar_hours end as hours
    from service_times
    inner join promised
        on
            service_times.priority = promised.priority
            and cast(service_times.ended_at as date) >= promised.valid_from
            and (promised.next_valid_from is null or cast(service_times.ended_at as date) < promised.next_valid_from)
    where not service_times.is_outbound

),

final as (

    select
        service_time_key,
        reading,
        ticket_key,
        customer_key,
        created_month,
        is_censored,
        clock,
        target_hours,
        hours,
        hours <= target_hours and not is_censored as is_met,
        hours > target_hours as is_breached,
        hours <= target_hours and is_censored as is_pending,
        priority,
        team,
        employee,
        channel,
        topic,
        ticket_type,
        product_category,
        customer_segment,
        abc_class
    from targeted
    where target_hours is not null and hours is not null

)

select * from final

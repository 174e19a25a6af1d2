{#- Grain: one row per customer who uses service often and costs more than he brings in. -#}

with parameters as (

    select * from {{ ref('dim_parameters') }}

),

costs_to_serve as (

    select * from {{ ref('kpi_cost_to_serve') }}
    where is_cost_above_margin

),

channels as (

    select * from {{ ref('dim_channels') }}

),

-- Where to find the customer: the oldest record. An id that is an address stays where it is.
records as (

    select * from {{ ref('dim_customer_records') }}
    where not is_deleted and account_id not like '%@%'
    qualify row_number() over (partition by customer_key order by first_seen_date, source_system, account_id) = 1

),

-- Of the same twelve months as the costs.
tickets as (

    select tickets.*
    from {{ ref('fct_tickets') }} as tickets
    cross join parameters
    where
        tickets.is_countable
        and not tickets.is_outbound
        and tickets.created_date >= {{ date_plus('parameters.as_of_month', -11, 'month') }}
        and tickets.created_date <= parameters.as_of_date

),

-- How much work a ticket is, by channel; too few tickets tell nothing.
channel_efforts as (

    select
        tickets.channel,
        channels.channel_group,
        {{ safe_ratio('sum(tickets.public_agent_reply_count)', 'count(tickets.public_agent_reply_count)') }} as replies_per_ticket
    from tickets
    cross join parameters
    inner join channels on tickets.channel = channels.channel
    where tickets.channel <> 'unknown'
    group by tickets.channel, channels.channel_group, parameters.min_segment_size
    having count(*) >= parameters.min_segment_size

),

cheapest as (

    select * from channel_efforts
    where channel_group = 'digital'
    qualify row_number() over (order by replies_per_ticket, channel) = 1

),

main_channels as (

    select
        customer_key,
        channel,
        cast(sum(count(*)) over (partition by customer_key) as bigint) as ticket_count,
        row_number() over (partition by customer_key order by count(*) desc, channel asc) as place
    from tickets
    group by customer_key, channel

),

repeated_topics as (

    select
        customer_key,
        topic,
        count(*) as ticket_count,
        row_number() over (partition by customer_key order by count(*) desc, topic asc) as place
    from tickets
    where topic <> 'unknown'
    group by customer_key, topic
    having count(*) > 1

),

advised as (

    select
        costs_to_serve.*,
        costs_to_serve.service_cost_amount + costs_to_serve.retention_cost_amount as serving_cost_amount,
        main_channels.ticket_count,
        main_channels.channel as main_channel,
        cheapest.channel as cheaper_channel,
        repeated_topics.topic as repeated_topic,
        'answer by ' || cheapest.channel || ', not ' || main_channels.channel || ' ('
        || cast(cast({{ rounded('cheapest.replies_per_ticket', 2) }} as decimal(18, 2)) as string) || ' instead of '
        || cast(cast({{ rounded('channel_efforts.replies_per_ticket', 2) }} as decimal(18, 2)) as string) || ' replies)' as channel_advice,
        'find the cause: ' || cast(repeated_topics.ticket_count as string) || ' of ' || cast(main_channels.ticket_count as string)
        || ' tickets about ' || repeated_topics.topic as topic_advice
    from costs_to_serve
    cross join parameters
    inner join main_channels on costs_to_serve.customer_key = main_channels.customer_key and main_channels.place = 1
    left join repeated_topics on costs_to_serve.customer_key = repeated_topics.customer_key and repeated_topics.place = 1
    left join channel_efforts on main_channels.channel = channel_efforts.channel
    left join cheapest on channel_efforts.replies_per_ticket > cheapest.replies_per_ticket
    where main_channels.ticket_count >= parameters.service_user_min_tickets

),

final as (

    select
        advised.customer_key,
        cast(row_number() over (order by advised.serving_cost_amount - advised.margin_amount desc, advised.customer_key asc) as bigint)
            as rank_number,
        cast(advised.ticket_count as string) || ' tickets in 12 months; serving costs ' || cast(advised.serving_cost_amount as string)
        || ' ' || parameters.reporting_currency || ', margin ' || cast(advised.margin_amount as string) || ' '
        || parameters.reporting_currency as reason,
        coalesce(
            advised.channel_advice || '; ' || advised.topic_advice,
            advised.channel_advice,
            advised.topic_advice,
            'agree on a price for service'
        ) as advice,
        records.source_system,
        records.account_id,
        advised.abc_class,
        advised.ticket_count,
        advised.main_channel,
        advised.cheaper_channel,
        advised.repeated_topic,
        advised.service_cost_amount,
        cast(advised.serving_cost_amount as decimal(18, 2)) as serving_cost_amount,
        advised.margin_amount
    from advised
    cross join parameters
    left join records on advised.customer_key = records.customer_key

)

select * from final

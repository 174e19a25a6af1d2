{#- Grain: one row per customer with a bad last answer lately whom nobody has talked to since. -#}

with parameters as (

    select * from {{ ref('dim_parameters') }}

),

answers as (

    select * from {{ ref('kpi_survey_answers') }}
    where customer_key <> 'unknown'

),

survey_responses as (

    select * from {{ ref('fct_survey_responses') }}

),

tickets as (

    select * from {{ ref('fct_tickets') }}

),

activities as (

    select * from {{ ref('fct_activities') }}
    where not is_deleted and activity_type in ('call', 'visit', 'meeting')

),

customers as (

    select * from {{ ref('dim_customers') }}
    where is_current and not is_deleted

),

-- The last answer of a respondent to an instrument is what holds.
bad_answers as (

    select
        answers.*,
        tickets.topic,
        row_number() over (partition by answers.customer_key order by answers.answered_at desc, answers.response_key desc) as answer_number,
        count(*) over (partition by answers.customer_key) as bad_answer_count
    from answers
    cross join parameters
    inner join survey_responses on answers.response_key = survey_responses.response_key
    left join tickets on survey_responses.ticket_key = tickets.ticket_key
    where
        answers.next_answered_date is null
        and answers.answer_group in ('detractor', 'hard', 'unsatisfied')
        and {{ days_between('answers.answered_date', 'parameters.as_of_date') }} <= parameters.service_recovery_days

),

talks as (

    select
        activities.customer_key,
        activities.occurred_at
    from activities
    cross join parameters
    where activities.activity_date <= parameters.as_of_date
    union all
    select
        customer_key,
        created_at as occurred_at
    from tickets
    where is_outbound and channel = 'phone' and not is_deleted

),

last_talks as (

    select
        customer_key,
        max(occurred_at) as talked_at
    from talks
    group by customer_key

),

-- The latest bad answer speaks for the customer: a talk before it did not help.
waiting as (

    select bad_answers.*
    from bad_answers
    inner join customers on bad_answers.customer_key = customers.customer_key
    left join last_talks on bad_answers.customer_key = last_talks.customer_key
    where bad_answers.answer_number = 1 and (last_talks.talked_at is null or last_talks.talked_at <= bad_answers.answered_at)

),

final as (

    select
        customer_key,
        cast(row_number() over (order by abc_class asc, answered_at desc, customer_key asc) as bigint) as rank_number,
        upper(instrument) || ' ' || cast(cast(round(scale_score) as bigint) as string)
        || case instrument when 'nps' then ' of 10' when 'ces' then ' of 7' else ' of 5' end
        || ' on ' || cast(answered_date as string)
        || case
            when topic <> 'unknown' then ' after a ticket about ' || topic
            when occasion <> 'unknown' then ' after ' || occasion
            else ''
        end
        || case
            when bad_answer_count = 1 then ''
            else ', ' || cast(bad_answer_count as string) || ' bad answers in all'
        end as reason,
        abc_class,
        instrument,
        scale_score,
        answered_date,
        coalesce(topic, 'unknown') as topic,
        team,
        bad_answer_count
    from waiting

)

select * from final

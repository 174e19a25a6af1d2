{#- Grain: one row per answer that counts: a score within its scale, not deleted, not of a test customer, up to the day of the run. -#}
{%- set of_respondent = 'partition by instrument, respondent_key' %}

with parameters as (

    select * from {{ ref('dim_parameters') }}

),

survey_responses as (

    select * from {{ ref('fct_survey_responses') }}
    where is_answered and not is_deleted and normalised_score between 0 and 1

),

customers as (

    select * from {{ ref('dim_customers') }}
    where is_current

),

tickets as (

    select * from {{ ref('fct_tickets') }}

),

customer_values as (

    select * from {{ ref('kpi_customer_lifetime_value') }}

),

-- Every answer on the scale of its instrument, best value highest: 0 to 10, 1 to 7 or 1 to 5. Rounding makes up for the
-- binary fraction a third of a scale is.
converted as (

    select
        response_key,
        customer_key,
        respondent_key,
        ticket_key,
        instrument,
        occasion,
        coalesce(answered_at, invited_at) as answered_at,
        cast(coalesce(answered_at, invited_at) as date) as answered_date,
        case
            when instrument = 'nps' then round(10 * normalised_score, 6)
            when instrument = 'ces' then round(1 + 6 * normalised_score, 6)
            else round(1 + 4 * normalised_score, 6)
        end as scale_score,
        -- What is rated: a ticket by one respondent, however often; without a ticket every answer is about something else.
        case when ticket_key = 'unknown' then response_key else ticket_key end as subject_key
    from survey_responses

),

-- Groups go by whole points: 9 on a scale of 1 to 10 is 8.9 on one of 0 to 10 and meant as 9.
grouped as (

    select
        converted.*,
        case
            when instrument = 'nps' and round(scale_score) >= 9 then 'promoter'
            when instrument = 'nps' and round(scale_score) >= 7 then 'passive'
            when instrument = 'nps' then 'detractor'
            when instrument = 'ces' and round(scale_score) >= 5 then 'easy'
            when instrument = 'ces' and round(scale_score) >= 4 then 'neutral'
            when instrument = 'ces' then 'hard'
            when round(scale_score) >= 4 then 'satisfied'
            when round(scale_score) >= 3 then 'neutral'
            else 'unsatisfied'
        end as answer_group
    from converted
    cross join parameters
    where converted.answered_date <= parameters.as_of_date

),

counted as (

    select
        grouped.*,
        coalesce(customers.customer_segment, 'unknown') as customer_segment,
        coalesce(customers.region, 'unknown') as region,
        coalesce(customer_values.abc_class, 'unknown') as abc_class,
        coalesce(tickets.team, 'unknown') as team,
        coalesce(tickets.channel, 'unknown') as channel
    from grouped
    left join customers on grouped.customer_key = customers.customer_key
    left join customer_values on grouped.customer_key = customer_values.customer_key
    left join tickets on grouped.ticket_key = tickets.ticket_key
    where not coalesce(customers.is_test, false)

),

final as (

    select
        response_key,
        customer_key,
        respondent_key,
        instrument,
        answered_at,
        answered_date,
        cast(date_trunc('month', answered_date) as date) as month,
        scale_score,
        answer_group,
        lead(answered_date) over ({{ of_respondent }} order by answered_at, response_key) as next_answered_date,
        row_number() over ({{ of_respondent }}, subject_key order by answered_at, response_key) = 1 as is_first_rating,
        row_number() over ({{ of_respondent }}, subject_key order by answered_at desc, response_key desc) = 1 as is_last_rating,
        occasion,
        customer_segment,
        region,
        abc_class,
        team,
        channel
    from counted

)

select * from final

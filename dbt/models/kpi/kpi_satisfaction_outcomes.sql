{#- Grain: one row per customer and month with an answer about the company (NPS), the last one of the month. -#}

with parameters as (

    select * from {{ ref('dim_parameters') }}

),

answers as (

    select * from {{ ref('kpi_survey_answers') }}
    where instrument = 'nps' and customer_key <> 'unknown'
    qualify row_number() over (partition by customer_key, month order by answered_at desc, response_key desc) = 1

),

stretches as (

    select
        customer_key,
        started_date,
        lost_date
    from {{ ref('kpi_contract_stretches') }}
    union all
    select
        customer_key,
        started_date,
        lost_date
    from {{ ref('kpi_purchase_stretches') }}

),

contributions as (

    select * from {{ ref('kpi_customer_contributions') }}

),

watched as (

    select
        answers.*,
        {{ date_plus('answers.answered_date', 'parameters.satisfaction_horizon_months', 'month') }} as horizon_end_date
    from answers
    cross join parameters

),

-- What the customer had with us on the day of the answer, and whether all of it was over when the horizon ended. Coming back
-- later undoes nothing. Rows multiply by the relations of a customer.
related as (

    select
        watched.response_key,
        count(*) as relation_count,
        count(*) filter (where stretches.lost_date <= watched.horizon_end_date) as lost_relation_count
    from watched
    inner join stretches
        on
            watched.customer_key = stretches.customer_key
            and watched.answered_date >= stretches.started_date
            and (stretches.lost_date is null or watched.answered_date < stretches.lost_date)
    group by watched.response_key

),

-- Rows multiply by the days with a contribution.
earned as (

    select
        watched.response_key,
        sum(contributions.contribution_amount) as margin_amount
    from watched
    inner join contributions
        on
            watched.customer_key = contributions.customer_key
            and watched.answered_date < contributions.contribution_date
            and watched.horizon_end_date >= contributions.contribution_date
    group by watched.response_key

),

final as (

    select
        watched.response_key,
        watched.customer_key,
        watched.month,
        watched.answered_date,
        watched.horizon_end_date,
        -- Whether a contract that ended on the last day is over, the grace period tells.
        {{ days_between('watched.horizon_end_date', 'parameters.as_of_date') }} > parameters.grace_days as is_mature,
        watched.answer_group as score_band,
        watched.customer_segment,
        watched.region,
        watched.abc_class,
        coalesce(related.relation_count, 0) > 0 as is_active,
        coalesce(related.lost_relation_count = related.relation_count, false) as is_churned,
        cast(coalesce(earned.margin_amount, 0) as decimal(18, 2)) as margin_amount
    from watched
    cross join parameters
    left join related on watched.response_key = related.response_key
    left join earned on watched.response_key = earned.response_key

)

select * from final

{#- Grain: one row per open opportunity. -#}

with parameters as (

    select * from {{ ref('dim_parameters') }}

),

cases as (

    select * from {{ ref('pred_opportunity_cases') }}
    where purpose = 'today'

),

learned as (

    select * from {{ source('fitted', 'opportunity_win_probabilities') }}
    where is_publishable

),

-- What was learned, where it beats the share won by stage and knows the stage; else that share, on the day the seller names.
judged as (

    select
        cases.*,
        parameters.as_of_date,
        coalesce(learned.win_probability, cases.baseline_probability) as win_probability,
        learned.lower_probability,
        learned.upper_probability,
        case
            when learned.opportunity_key is not null then {{ date_plus('parameters.as_of_date', 'learned.days_to_win') }}
            when cases.expected_close_date is not null then greatest(cases.expected_close_date, parameters.as_of_date)
        end as likely_close_date,
        case
            when learned.opportunity_key is not null then 'stage_hazards'
            when cases.baseline_probability is not null then 'stage_share'
            else 'none'
        end as method
    from cases
    cross join parameters
    left join learned on cases.opportunity_key = learned.opportunity_key

),

final as (

    select
        opportunity_key,
        customer_key,
        customer_segment,
        team,
        stage_name,
        days_in_stage,
        amount,
        amount is null as is_amount_unknown,
        win_probability,
        lower_probability,
        upper_probability,
        baseline_probability,
        cast({{ rounded('amount * win_probability', 2) }} as decimal(18, 2)) as expected_amount,
        cast(date_trunc('month', likely_close_date) as date) as expected_close_month,
        expected_close_date as seller_close_date,
        coalesce(expected_close_date < as_of_date, false) as is_overdue,
        slippage_count,
        method
    from judged

)

select * from final

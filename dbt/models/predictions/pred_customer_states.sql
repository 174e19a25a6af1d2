{#- Grain: one row per purpose (today, holdout) and customer who by then had ever bought something or had a contract. -#}

with parameters as (

    select * from {{ ref('dim_parameters') }}

),

contributions as (

    select * from {{ ref('kpi_customer_contributions') }}

),

stretches as (

    select * from {{ ref('kpi_contract_stretches') }}

),

cutoffs as (

    select * from {{ ref('pred_cutoffs') }}
    where purpose in ('today', 'holdout')

),

-- A look back over as many months as the prediction looks ahead.
horizons as (

    select
        cutoffs.purpose,
        cutoffs.through_date,
        cutoffs.until_date,
        parameters.churn_window_days,
        parameters.grace_days,
        case
            when cutoffs.purpose = 'today' then parameters.clv_horizon_months
            else parameters.prediction_holdout_months
        end as horizon_months,
        {{ date_plus(
            'cutoffs.through_date',
            "-case when cutoffs.purpose = 'today' then parameters.clv_horizon_months else parameters.prediction_holdout_months end",
            'month'
        ) }} as past_date
    from cutoffs
    cross join parameters

),

bought as (

    select
        horizons.purpose,
        contributions.customer_key,
        min(contributions.contribution_date) filter (
            where contributions.order_count > 0 and contributions.contribution_date <= horizons.through_date
        ) as first_date,
        max(contributions.contribution_date) filter (
            where contributions.order_count > 0 and contributions.contribution_date <= horizons.through_date
        ) as last_order_date,
        max(contributions.contribution_date) filter (
            where contributions.order_count > 0 and contributions.contribution_date <= horizons.past_date
        ) as past_order_date,
        sum(contributions.contribution_amount) filter (where contributions.contribution_date <= horizons.through_date) as margin_amount,
        sum(contributions.contribution_amount) filter (where contributions.contribution_date > horizons.through_date) as later_amount
    from contributions
    inner join horizons on contributions.contribution_date <= horizons.until_date
    group by all

),

-- Under contract is who has one, or had one whose grace period has not passed.
contracted as (

    select
        horizons.purpose,
        stretches.customer_key,
        min(stretches.started_date) as first_date,
        bool_or(
            stretches.ended_date is null or {{ days_between('stretches.ended_date', 'horizons.through_date') }} <= horizons.grace_days
        ) as is_contracted,
        bool_or(
            stretches.started_date <= horizons.past_date
            and (
                stretches.ended_date is null or {{ days_between('stretches.ended_date', 'horizons.past_date') }} <= horizons.grace_days
            )
        ) as was_contracted
    from stretches
    inner join horizons on stretches.started_date <= horizons.through_date
    group by all

),

final as (

    select
        {{ surrogate_key(['horizons.purpose', 'coalesce(bought.customer_key, contracted.customer_key)']) }} as customer_state_key,
        horizons.purpose,
        coalesce(bought.customer_key, contracted.customer_key) as customer_key,
        horizons.through_date,
        horizons.until_date,
        cast(horizons.horizon_months as bigint) as horizon_months,
        least(bought.first_date, contracted.first_date) as first_date,
        coalesce({{ days_between('bought.last_order_date', 'horizons.through_date') }} < horizons.churn_window_days, false)
        or coalesce(contracted.is_contracted, false) as is_active,
        coalesce({{ days_between('bought.past_order_date', 'horizons.past_date') }} < horizons.churn_window_days, false)
        or coalesce(contracted.was_contracted, false) as was_active,
        cast(bought.margin_amount as decimal(18, 2)) as margin_amount,
        cast(coalesce(bought.later_amount, 0) as decimal(18, 2)) as later_contribution_amount
    from bought
    full outer join contracted on bought.purpose = contracted.purpose and bought.customer_key = contracted.customer_key
    inner join horizons on coalesce(bought.purpose, contracted.purpose) = horizons.purpose
    where coalesce(bought.first_date, contracted.first_date) is not null

)

select * from final

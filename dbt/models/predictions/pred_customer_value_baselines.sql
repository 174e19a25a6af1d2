{#- Grain: one row per purpose (today, holdout) and customer who by then had ever bought something or had a contract. -#}

with parameters as (

    select * from {{ ref('dim_parameters') }}

),

states as (

    select * from {{ ref('pred_customer_states') }}

),

-- Of the customers active one horizon ago, the share that still is; 1 while the company is younger than that.
retention as (

    select
        purpose,
        coalesce(
            {{ safe_ratio('count(*) filter (where is_active and was_active)', 'count(*) filter (where was_active)') }}, 1
        ) as retention_rate
    from states
    group by purpose

),

-- What is expected from today on is discounted; what is held against a time that has passed is not. Calendar months, both included.
averages as (

    select
        states.purpose,
        states.customer_key,
        states.through_date,
        states.until_date,
        states.horizon_months,
        states.margin_amount,
        states.is_active,
        states.later_contribution_amount,
        retention.retention_rate,
        case when states.purpose = 'today' then parameters.annual_discount_rate else 0 end as annual_discount_rate,
        cast(
            12 * (extract(year from states.through_date) - extract(year from states.first_date))
            + extract(month from states.through_date) - extract(month from states.first_date) + 1 as bigint
        ) as observed_months
    from states
    cross join parameters
    inner join retention on states.purpose = retention.purpose

),

-- What one unit of money per month is worth when it comes at the end of each month of the horizon.
discounted as (

    select
        *,
        case
            when annual_discount_rate = 0 then cast(horizon_months as double)
            else
                (1 - power(1 + annual_discount_rate, -horizon_months / cast(12 as double)))
                / (power(1 + annual_discount_rate, 1 / cast(12 as double)) - 1)
        end as discounted_months
    from averages

),

final as (

    select
        {{ surrogate_key(['purpose', 'customer_key']) }} as customer_value_baseline_key,
        purpose,
        customer_key,
        through_date,
        until_date,
        horizon_months,
        observed_months,
        cast({{ rounded('cast(margin_amount as double) / observed_months', 2) }} as decimal(18, 2)) as average_monthly_margin_amount,
        is_active,
        retention_rate,
        discounted_months,
        cast(
            {{ rounded(
                'case when is_active then 1 else 0 end * cast(margin_amount as double) / observed_months * retention_rate * discounted_months', 2
            ) }}
            as decimal(18, 2)
        ) as predicted_amount,
        later_contribution_amount
    from discounted

)

select * from final

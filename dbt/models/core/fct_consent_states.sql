{#- Grain: one row per customer, purpose, channel and time in which the same was allowed. -#}

with parameters as (

    select * from {{ ref('dim_parameters') }}

),

-- A withdrawal counts at once, even one that is dated tomorrow; a grant from its day on.
stated as (

    select
        stated.customer_key,
        stated.identity_key,
        stated.purpose,
        stated.channel,
        stated.consent_status,
        stated.is_double_opt_in,
        stated.statement_number,
        case
            when stated.consent_status = 'withdrawn' then least(stated.recorded_date, parameters.as_of_date)
            else stated.recorded_date
        end as effective_date,
        parameters.as_of_date
    from {{ ref('int_consents__stated') }} as stated
    cross join parameters

),

effective as (

    select *
    from stated
    where effective_date <= as_of_date

),

days as (

    select
        customer_key,
        purpose,
        channel,
        effective_date
    from effective
    group by customer_key, purpose, channel, effective_date

),

-- What each record of the customer had said last on every day on which one of them spoke: few rows for each.
words as (

    select
        days.customer_key,
        days.purpose,
        days.channel,
        days.effective_date,
        effective.consent_status,
        effective.is_double_opt_in
    from days
    inner join effective
        on
            days.customer_key = effective.customer_key
            and days.purpose = effective.purpose
            and days.channel = effective.channel
            and days.effective_date >= effective.effective_date
    qualify
        row_number() over (
            partition by days.customer_key, days.purpose, days.channel, days.effective_date, effective.identity_key
            order by case when effective.consent_status = 'pending' then 1 else 0 end asc, effective.statement_number desc
        ) = 1

),

states as (

    select
        customer_key,
        purpose,
        channel,
        effective_date,
        case
            when bool_or(consent_status = 'withdrawn') then 'withdrawn'
            when bool_or(consent_status = 'granted' and not is_double_opt_in) then 'single'
            when bool_or(consent_status = 'granted') then 'double'
            else 'pending'
        end as opt_in_state
    from words
    group by customer_key, purpose, channel, effective_date

),

changed as (

    select *
    from states
    qualify
        coalesce(
            lag(opt_in_state) over (partition by customer_key, purpose, channel order by effective_date), 'none'
        ) <> opt_in_state

),

final as (

    select
        {{ surrogate_key(['customer_key', 'purpose', 'channel', 'effective_date']) }} as consent_state_key,
        customer_key,
        purpose,
        channel,
        opt_in_state,
        opt_in_state in ('single', 'double') as is_granted,
        effective_date as from_date,
        lead(effective_date) over (partition by customer_key, purpose, channel order by effective_date) as until_date
    from changed

)

select * from final

{#- Grain: one row per customer, purpose, channel and time in which the same was allowed. -#}

with stated as (

    select * from {{ ref('int_consents__stated') }}

),

parameters as (

    select * from {{ ref('dim_parameters') }}

),

effective as (

    select stated.*
    from stated
    cross join parameters
    where stated.from_date <= parameters.as_of_date

),

-- Where a statement ends another one begins, so these are all days on which something may change.
days as (

    select
        customer_key,
        purpose,
        channel,
        from_date as change_date
    from effective
    group by customer_key, purpose, channel, from_date

),

-- All that is in force on such a day, of which the strictest decides: a few statements per customer, so rows multiply on purpose.
states as (

    select
        days.customer_key,
        days.purpose,
        days.channel,
        days.change_date,
        case
            when bool_or(effective.consent_status = 'withdrawn') then 'withdrawn'
            when bool_or(effective.is_granted and not effective.is_double_opt_in) then 'single'
            when bool_or(effective.is_granted) then 'double'
            else 'pending'
        end as opt_in_state
    from days
    inner join effective
        on
            days.customer_key = effective.customer_key
            and days.purpose = effective.purpose
            and days.channel = effective.channel
            and days.change_date >= effective.from_date
            and (effective.until_date is null or days.change_date < effective.until_date)
    group by days.customer_key, days.purpose, days.channel, days.change_date

),

changed as (

    select *
    from states
    qualify coalesce(lag(opt_in_state) over (partition by customer_key, purpose, channel order by change_date), 'none') <> opt_in_state

),

final as (

    select
        {{ surrogate_key(['customer_key', 'purpose', 'channel', 'change_date']) }} as consent_state_key,
        customer_key,
        purpose,
        channel,
        opt_in_state,
        opt_in_state in ('single', 'double') as is_granted,
        change_date as from_date,
        lead(change_date) over (partition by customer_key, purpose, channel order by change_date) as until_date
    from changed

)

select * from final

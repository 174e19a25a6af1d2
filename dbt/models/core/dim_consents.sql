{#- Grain: one row per customer, purpose and channel about which something was stated. -#}

with stated as (

    select * from {{ ref('int_consents__stated') }}
    where consent_status <> 'pending'

),

parameters as (

    select * from {{ ref('dim_parameters') }}

),

in_force as (

    select stated.*
    from stated
    cross join parameters
    where
        stated.from_date <= parameters.as_of_date
        and (stated.until_date is null or stated.until_date > parameters.as_of_date)

),

-- Of all that is in force the strictest decides: a refusal first, then a single opt-in; among equals the last word.
strictest as (

    select *
    from in_force
    qualify
        row_number() over (
            partition by customer_key, purpose, channel
            order by is_granted asc, is_double_opt_in asc, recorded_at desc, statement_key asc
        ) = 1

),

final as (

    select
        {{ surrogate_key(['customer_key', 'purpose', 'channel']) }} as consent_state_key,
        customer_key,
        purpose,
        channel,
        is_granted,
        is_double_opt_in,
        case
            when not is_granted then 'withdrawn'
            when is_double_opt_in then 'double'
            else 'single'
        end as opt_in_state,
        recorded_date as since_date,
        evidence
    from strictest

)

select * from final

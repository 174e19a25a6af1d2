{#- Grain: one row per customer, purpose and channel about which something was stated. -#}

with consents as (

    select * from {{ ref('fct_consents') }}
    where customer_key <> 'unknown'

),

campaign_responses as (

    select * from {{ ref('fct_campaign_responses') }}
    where customer_key <> 'unknown' and response_type = 'unsubscribe' and not is_bot

),

parameters as (

    select * from {{ ref('dim_parameters') }}

),

channels as (

    select 'email' as channel
    union all
    select 'phone' as channel
    union all
    select 'letter' as channel

),

-- Unsubscribing from a mailing withdraws marketing by e-mail. A first opt-in without confirmation (pending) says nothing.
statements as (

    select
        customer_key,
        purpose,
        channel,
        consent_status = 'granted' as is_granted,
        recorded_at,
        evidence,
        consent_key as statement_key
    from consents
    where consent_status = 'withdrawn' or (consent_status = 'granted' and not is_deleted)
    union all
    select
        customer_key,
        'marketing' as purpose,
        'email' as channel,
        false as is_granted,
        responded_at as recorded_at,
        'unsubscribe' as evidence,
        response_key as statement_key
    from campaign_responses

),

-- 'any' speaks for every channel: rows multiply on purpose.
expanded as (

    select
        statements.customer_key,
        statements.purpose,
        channels.channel,
        statements.is_granted,
        statements.recorded_at,
        statements.evidence,
        statements.statement_key
    from statements
    cross join parameters
    inner join channels on statements.channel in (channels.channel, 'any')
    -- A permission from tomorrow does not hold today; a withdrawal does.
    where not statements.is_granted or cast(statements.recorded_at as date) <= parameters.as_of_date

),

latest as (

    select *
    from expanded
    qualify
        row_number() over (
            partition by customer_key, purpose, channel
            order by recorded_at desc, is_granted asc, statement_key asc
        ) = 1

),

final as (

    select
        {{ surrogate_key(['customer_key', 'purpose', 'channel']) }} as consent_state_key,
        customer_key,
        purpose,
        channel,
        is_granted,
        cast(recorded_at as date) as since_date,
        evidence
    from latest

)

select * from final

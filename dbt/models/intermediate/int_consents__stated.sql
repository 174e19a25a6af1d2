{#- Grain: one row per statement, channel it speaks for and record of the customer it is a statement of. -#}

with consents as (

    select * from {{ ref('fct_consents') }}
    where customer_key <> 'unknown'

),

campaign_responses as (

    select * from {{ ref('fct_campaign_responses') }}
    where customer_key <> 'unknown' and response_type = 'unsubscribe' and not is_bot

),

channels as (

    select 'email' as channel
    union all
    select 'phone' as channel
    union all
    select 'letter' as channel

),

-- 'any' speaks for every channel: rows multiply on purpose. A grant that was deleted is none, a deleted withdrawal still holds.
said as (

    select
        consents.customer_key,
        consents.identity_key,
        consents.purpose,
        channels.channel,
        consents.consent_status,
        consents.recorded_at,
        consents.evidence,
        consents.consent_key as statement_key
    from consents
    inner join channels on consents.channel in (channels.channel, 'any')
    where consents.consent_status = 'withdrawn' or not consents.is_deleted

),

mailed as (

    select
        customer_key,
        identity_key
    from said
    where purpose = 'marketing' and channel = 'email'
    group by customer_key, identity_key

),

-- Unsubscribing from a mailing withdraws marketing by e-mail, whichever of the customer's records had allowed it.
unsubscribed as (

    select
        campaign_responses.customer_key,
        coalesce(mailed.identity_key, 'unsubscribed') as identity_key,
        'marketing' as purpose,
        'email' as channel,
        'withdrawn' as consent_status,
        campaign_responses.responded_at as recorded_at,
        'unsubscribe' as evidence,
        campaign_responses.response_key as statement_key
    from campaign_responses
    left join mailed on campaign_responses.customer_key = mailed.customer_key

),

stated as (

    select * from said
    union all
    select * from unsubscribed

),

-- On one moment a withdrawal is the last word.
numbered as (

    select
        *,
        row_number() over (
            partition by customer_key, purpose, channel, identity_key
            order by
                recorded_at asc,
                case consent_status when 'pending' then 1 when 'granted' then 2 else 3 end asc,
                statement_key desc
        ) as statement_number
    from stated

),

-- A pending opt-in is confirmed by the next grant, unless a withdrawal came in between.
remembered as (

    select
        *,
        max(case when consent_status = 'pending' then statement_number end) over earlier as pending_number,
        max(case when consent_status = 'withdrawn' then statement_number end) over earlier as withdrawn_number
    from numbered
    window earlier as (
        partition by customer_key, purpose, channel, identity_key
        order by statement_number
        rows between unbounded preceding and current row
    )

),

final as (

    select
        {{ surrogate_key(['statement_key', 'channel', 'identity_key']) }} as stated_key,
        customer_key,
        identity_key,
        purpose,
        channel,
        consent_status,
        recorded_at,
        cast(recorded_at as date) as recorded_date,
        evidence,
        statement_key,
        statement_number,
        consent_status = 'granted' as is_granted,
        consent_status = 'granted'
        and (
            coalesce(lower(evidence) like '%double opt-in%', false)
            or coalesce(pending_number > coalesce(withdrawn_number, 0), false)
        ) as is_double_opt_in
    from remembered

)

select * from final

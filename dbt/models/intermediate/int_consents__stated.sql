{#- Grain: one row per statement and channel it speaks for. -#}

with consents as (

    select
        facts.*,
        spoken.account_id,
        spoken.email,
        spoken.phone
    from {{ ref('fct_consents') }} as facts
    inner join {{ ref('stg_consents') }} as spoken on facts.consent_key = spoken.consent_key
    where facts.customer_key <> 'unknown'

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

-- Unsubscribing from a mailing withdraws marketing by e-mail.
unsubscribed as (

    select
        facts.response_key as statement_key,
        facts.customer_key,
        spoken.source_system,
        coalesce(spoken.account_id, contacts.account_id) as account_id,
        coalesce(spoken.email, contacts.email) as email,
        cast(null as string) as phone,
        'marketing' as purpose,
        'email' as channel,
        'withdrawn' as consent_status,
        facts.responded_at as recorded_at,
        'unsubscribe' as evidence
    from {{ ref('fct_campaign_responses') }} as facts
    inner join {{ ref('stg_campaign_responses') }} as spoken on facts.response_key = spoken.response_key
    left join {{ ref('stg_campaign_contacts') }} as contacts on facts.campaign_contact_key = contacts.campaign_contact_key
    where facts.customer_key <> 'unknown' and facts.response_type = 'unsubscribe' and not facts.is_bot

),

-- 'any' speaks for every channel: rows multiply on purpose. A grant that was deleted is none, a deleted withdrawal still holds.
said as (

    select
        consents.consent_key as statement_key,
        consents.customer_key,
        consents.source_system,
        consents.account_id,
        consents.email,
        consents.phone,
        consents.purpose,
        channels.channel,
        consents.consent_status,
        consents.recorded_at,
        consents.evidence
    from consents
    inner join channels on consents.channel in (channels.channel, 'any')
    where consents.consent_status = 'withdrawn' or not consents.is_deleted
    union all
    select * from unsubscribed

),

-- A withdrawal counts at once, even one that is dated tomorrow; a grant from its day on.
dated as (

    select
        said.*,
        cast(said.recorded_at as date) as recorded_date,
        case
            when said.consent_status = 'withdrawn' then least(cast(said.recorded_at as date), parameters.as_of_date)
            else cast(said.recorded_at as date)
        end as from_date,
        case said.channel when 'email' then said.email when 'phone' then said.phone end as address
    from said
    cross join parameters

),

-- Statements about the same address speak about each other, those without one by their account: few, so rows multiply on purpose.
-- Within one day a withdrawal is the last word.
compared as (

    select
        dated.statement_key,
        dated.channel,
        max(heard.recorded_at) filter (where heard.consent_status = 'pending' and heard.recorded_at <= dated.recorded_at) as asked_at,
        max(heard.recorded_at) filter (where heard.consent_status = 'withdrawn' and heard.recorded_at <= dated.recorded_at) as refused_at,
        min(heard.from_date) filter (where heard.consent_status = 'withdrawn' and heard.recorded_date >= dated.recorded_date) as ended_date,
        min(heard.from_date) filter (where heard.consent_status = 'granted' and heard.recorded_at > dated.recorded_at) as repeated_date,
        min(heard.from_date) filter (where heard.consent_status = 'granted' and heard.recorded_date > dated.recorded_date) as renewed_date
    from dated
    inner join dated as heard
        on
            dated.customer_key = heard.customer_key
            and dated.purpose = heard.purpose
            and dated.channel = heard.channel
            and coalesce(
                dated.address = heard.address,
                (dated.source_system = heard.source_system and dated.account_id = heard.account_id)
                or dated.email = heard.email
                or dated.phone = heard.phone
            )
    group by dated.statement_key, dated.channel

),

final as (

    select
        {{ surrogate_key(['dated.statement_key', 'dated.channel']) }} as stated_key,
        dated.customer_key,
        dated.purpose,
        dated.channel,
        dated.consent_status,
        dated.recorded_at,
        dated.recorded_date,
        dated.evidence,
        dated.statement_key,
        dated.consent_status = 'granted' as is_granted,
        dated.consent_status = 'granted'
        and (
            coalesce(lower(dated.evidence) like '%double opt-in%', false)
            or (compared.asked_at is not null and coalesce(compared.asked_at > compared.refused_at, true))
        ) as is_double_opt_in,
        dated.from_date,
        case dated.consent_status
            when 'withdrawn' then compared.renewed_date
            when 'granted' then least(compared.ended_date, compared.repeated_date)
        end as until_date
    from dated
    left join compared on dated.statement_key = compared.statement_key and dated.channel = compared.channel

)

select * from final

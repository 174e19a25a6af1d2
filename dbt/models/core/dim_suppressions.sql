{#- Grain: one row per customer, channel and reason. -#}

with suppressions as (

    select * from {{ ref('stg_suppressions') }}
    where not is_deleted

),

suppression_hashes as (

    select * from {{ ref('suppression_hashes') }}

),

erasures as (

    select * from {{ ref('stg_erasures') }}

),

owned as (

    select * from {{ ref('int_identifiers__owned') }}
    where identifier_type in ('email', 'phone')

),

resolved as (

    select * from {{ ref('int_identifiers__resolved') }}
    where customer_key <> 'unknown'

),

-- Addresses that no record of the customer has, but to which he was written or for which he said something.
addressed as (

    select
        identity_key,
        email,
        phone
    from {{ ref('stg_consents') }}
    union all
    select
        identity_key,
        email,
        null as phone
    from {{ ref('stg_campaign_contacts') }}

),

identifiers as (

    select
        customer_key,
        identifier_type,
        identifier
    from owned
    union
    select
        resolved.customer_key,
        'email' as identifier_type,
        addressed.email as identifier
    from addressed
    inner join resolved on addressed.identity_key = resolved.identity_key
    union
    select
        resolved.customer_key,
        'phone' as identifier_type,
        addressed.phone as identifier
    from addressed
    inner join resolved on addressed.identity_key = resolved.identity_key

),

channels as (

    select 'email' as channel
    union all
    select 'phone' as channel
    union all
    select 'letter' as channel

),

-- Whoever owns, or ever owned, the identifier, or was addressed by it, is not contacted, even when it belongs to several customers.
matched as (

    select
        identifiers.customer_key,
        suppressions.channel,
        suppressions.reason,
        cast(suppressions.recorded_at as date) as since_date
    from suppressions
    inner join identifiers
        on
            suppressions.identifier = identifiers.identifier
            and suppressions.identifier_type = identifiers.identifier_type
    union all
    select
        identifiers.customer_key,
        suppression_hashes.channel,
        coalesce(suppression_hashes.reason, 'unknown') as reason,
        null as since_date
    from suppression_hashes
    inner join identifiers
        on lower(trim(suppression_hashes.identifier_sha256)) = {{ sha256_hex('identifiers.identifier') }}
    union all
    select
        identifiers.customer_key,
        'any' as channel,
        'erasure' as reason,
        erasures.erased_date as since_date
    from erasures
    inner join identifiers on erasures.identifier_sha256 = {{ sha256_hex('identifiers.identifier') }}

),

final as (

    select
        {{ surrogate_key(['matched.customer_key', 'channels.channel', 'matched.reason']) }} as suppression_key,
        matched.customer_key,
        channels.channel,
        matched.reason,
        min(matched.since_date) as since_date
    from matched
    inner join channels on matched.channel in (channels.channel, 'any')
    group by all

)

select * from final

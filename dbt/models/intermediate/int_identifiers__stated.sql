{#- Grain: one row per account and identifier (shared id, e-mail address, telephone number) that a record states of it. -#}

with accounts_history as (

    select * from {{ ref('stg_accounts_history') }}

),

contacts as (

    select * from {{ ref('stg_contacts') }}
    where account_id is not null

),

leads as (

    select * from {{ ref('stg_leads') }}
    where converted_account_id is not null

),

-- owner_level: whose identifier it is counts more than whose it was: 1 account, 2 contact person, 3 account in the past, 4 lead it was.
records as (

    select
        source_system,
        account_id,
        shared_id,
        email,
        phone,
        case when is_current then 1 else 3 end as owner_level
    from accounts_history
    union all
    select
        source_system,
        account_id,
        null as shared_id,
        email,
        phone,
        2 as owner_level
    from contacts
    union all
    select
        source_system,
        converted_account_id as account_id,
        null as shared_id,
        email,
        phone,
        4 as owner_level
    from leads

),

identifiers as (

    select
        source_system,
        account_id,
        'shared_id' as identifier_type,
        shared_id as identifier,
        owner_level
    from records
    union all
    select
        source_system,
        account_id,
        'email' as identifier_type,
        email as identifier,
        owner_level
    from records
    union all
    select
        source_system,
        account_id,
        'phone' as identifier_type,
        phone as identifier,
        owner_level
    from records

),

final as (

    select
        {{ surrogate_key(['source_system', 'account_id', 'identifier_type', 'identifier']) }} as stated_identifier_key,
        {{ surrogate_key(['source_system', 'account_id']) }} as account_key,
        source_system,
        account_id,
        identifier_type,
        identifier,
        min(owner_level) as owner_level
    from identifiers
    where identifier is not null
    group by source_system, account_id, identifier_type, identifier

)

select * from final

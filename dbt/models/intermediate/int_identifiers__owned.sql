{#- Grain: one row per identifier (shared id, e-mail address, telephone number) and customer it belongs or belonged to. -#}

with identified as (

    select * from {{ ref('int_customers__identified') }}

),

accounts_history as (

    select * from {{ ref('stg_accounts_history') }}

),

contacts as (

    select * from {{ ref('stg_contacts') }}

),

leads as (

    select * from {{ ref('stg_leads') }}
    where converted_account_id is not null

),

-- owner_level: whose identifier it is counts more than whose it was: 1 account, 2 contact person, 3 account in the past, 4 lead it was.
records as (

    select
        account_key,
        shared_id,
        email,
        phone,
        case when is_current then 1 else 3 end as owner_level
    from accounts_history
    union all
    select
        {{ surrogate_key(['source_system', 'account_id']) }} as account_key,
        null as shared_id,
        email,
        phone,
        2 as owner_level
    from contacts
    union all
    select
        {{ surrogate_key(['source_system', 'converted_account_id']) }} as account_key,
        null as shared_id,
        email,
        phone,
        4 as owner_level
    from leads

),

identifiers as (

    select
        account_key,
        'shared_id' as identifier_type,
        shared_id as identifier,
        owner_level
    from records
    union all
    select
        account_key,
        'email' as identifier_type,
        email as identifier,
        owner_level
    from records
    union all
    select
        account_key,
        'phone' as identifier_type,
        phone as identifier,
        owner_level
    from records

),

owned as (

    select
        identifiers.identifier_type,
        identifiers.identifier,
        identified.customer_key,
        min(identifiers.owner_level) as owner_level
    from identifiers
    inner join identified on identifiers.account_key = identified.account_key
    where identifiers.identifier is not null
    group by all

),

ranked as (

    select
        identifier_type,
        identifier,
        customer_key,
        owner_level,
        min(owner_level) over (partition by identifier_type, identifier) as best_level,
        count(*) over (partition by identifier_type, identifier, owner_level) as owner_count
    from owned

),

final as (

    select
        {{ surrogate_key(['identifier_type', 'identifier', 'customer_key']) }} as identifier_owner_key,
        identifier_type,
        identifier,
        customer_key,
        owner_level,
        owner_level = best_level and owner_count = 1 as is_decisive
    from ranked

)

select * from final

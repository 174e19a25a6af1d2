{#- Grain: one row per identifier (shared id, e-mail address, telephone number) and customer it belongs or belonged to. -#}

with identified as (

    select * from {{ ref('int_customers__identified') }}

),

stated as (

    select * from {{ ref('int_identifiers__stated') }}

),

owned as (

    select
        stated.identifier_type,
        stated.identifier,
        identified.customer_key,
        min(stated.owner_level) as owner_level
    from stated
    inner join identified on stated.account_key = identified.account_key
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

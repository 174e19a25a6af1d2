{#- Grain: one row per combination of identifiers that any feed uses for a customer. -#}

with identified as (

    select * from {{ ref('int_customers__identified') }}

),

decisive_identifiers as (

    select * from {{ ref('int_identifiers__owned') }}
    where is_decisive

),

collected as (

    select * from {{ ref('int_identifiers__collected') }}

),

candidates as (

    select
        collected.identity_key,
        identified.customer_key as account_customer_key,
        shared_ids.customer_key as shared_id_customer_key,
        emails.customer_key as email_customer_key,
        phones.customer_key as phone_customer_key
    from collected
    left join identified
        on collected.account_key = identified.account_key
    left join decisive_identifiers as shared_ids
        on collected.shared_id = shared_ids.identifier and shared_ids.identifier_type = 'shared_id'
    left join decisive_identifiers as emails
        on collected.email = emails.identifier and emails.identifier_type = 'email'
    left join decisive_identifiers as phones
        on collected.phone = phones.identifier and phones.identifier_type = 'phone'

),

final as (

    select
        identity_key,
        coalesce(account_customer_key, shared_id_customer_key, email_customer_key, phone_customer_key, 'unknown') as customer_key,
        case
            when account_customer_key is not null then 'account_id'
            when shared_id_customer_key is not null then 'shared_id'
            when email_customer_key is not null then 'email'
            when phone_customer_key is not null then 'phone'
            else 'none'
        end as resolved_by
    from candidates

)

select * from final

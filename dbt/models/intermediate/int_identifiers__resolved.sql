{#- Grain: one row per combination of identifiers that any feed uses for a customer. -#}

{%- set feeds = {
    'stg_contacts': ['account_id', 'null', 'null', 'null'],
    'stg_leads': ['converted_account_id', 'null', 'email', 'phone'],
    'stg_opportunities': ['account_id', 'null', 'null', 'null'],
    'stg_activities': ['account_id', 'null', 'null', 'null'],
    'stg_orders': ['account_id', 'shared_id', 'email', 'null'],
    'stg_contracts': ['account_id', 'shared_id', 'null', 'null'],
    'stg_campaign_contacts': ['account_id', 'null', 'email', 'null'],
    'stg_campaign_responses': ['account_id', 'null', 'email', 'null'],
    'stg_consents': ['account_id', 'null', 'email', 'phone'],
    'stg_web_sessions': ['account_id', 'null', 'email', 'null'],
    'stg_tickets': ['account_id', 'shared_id', 'email', 'null'],
    'stg_survey_responses': ['account_id', 'shared_id', 'email', 'null'],
    'stg_quotes': ['account_id', 'shared_id', 'null', 'null'],
    'stg_store_visits': ['account_id', 'shared_id', 'email', 'null'],
    'stg_social_engagements': ['account_id', 'null', 'email', 'null'],
    'stg_cost_entries': ['account_id', 'shared_id', 'null', 'null'],
    'stg_loyalty_transactions': ['account_id', 'shared_id', 'email', 'null'],
} %}

with identified as (

    select * from {{ ref('int_customers__identified') }}

),

decisive_identifiers as (

    select * from {{ ref('int_identifiers__owned') }}
    where is_decisive

),

collected as (

    {% for feed, columns in feeds.items() -%}
    select
        identity_key,
        source_system,
        cast({{ columns[0] }} as string) as account_id,
        cast({{ columns[1] }} as string) as shared_id,
        cast({{ columns[2] }} as string) as email,
        cast({{ columns[3] }} as string) as phone
    from {{ ref(feed) }}
    {{ 'union' if not loop.last }}
    {% endfor %}

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
        on {{ surrogate_key(['collected.source_system', 'collected.account_id']) }} = identified.account_key
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

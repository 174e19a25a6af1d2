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

with stated as (

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

final as (

    select
        identity_key,
        {{ surrogate_key(['source_system', 'account_id']) }} as account_key,
        shared_id,
        email,
        phone
    from stated

)

select * from final

{#- Facts that lost or multiplied the rows of their feed. -#}

{%- set facts = {
    'dim_contacts': ('stg_contacts', 1),
    'dim_customer_records': ('stg_accounts', 0),
    'fct_order_lines': ('stg_order_lines', 0),
    'fct_contracts': ('stg_contracts', 0),
    'fct_leads': ('stg_leads', 0),
    'fct_opportunities': ('stg_opportunities', 0),
    'fct_quotes': ('stg_quotes', 0),
    'fct_activities': ('stg_activities', 0),
    'fct_campaign_contacts': ('stg_campaign_contacts', 0),
    'fct_campaign_responses': ('stg_campaign_responses', 0),
    'fct_consents': ('stg_consents', 0),
    'fct_web_sessions': ('stg_web_sessions', 0),
    'fct_store_visits': ('stg_store_visits', 0),
    'fct_social_engagements': ('stg_social_engagements', 0),
    'fct_tickets': ('stg_tickets', 0),
    'fct_ticket_messages': ('stg_ticket_messages', 0),
    'fct_survey_responses': ('stg_survey_responses', 0),
    'fct_costs': ('stg_cost_entries', 0),
    'fct_loyalty_transactions': ('stg_loyalty_transactions', 0),
} %}

with counted as (

    {% for fact, (feed, unknown_members) in facts.items() -%}
    select
        '{{ fact }}' as fact,
        (select count(*) from {{ ref(fact) }}) - {{ unknown_members }} as fact_count,
        (select count(*) from {{ ref(feed) }}) as feed_count
    {{ 'union all' if not loop.last }}
    {% endfor %}

)

select *
from counted
where fact_count <> feed_count

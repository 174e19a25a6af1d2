{#- Grain: one row per movement on a member's account that counts. -#}
{{ config(materialized='view') }}

with loyalty_transactions as (

    select * from {{ ref('fct_loyalty_transactions') }}
    where is_countable

),

-- What the programme takes or corrects by itself is no contact, but belongs to the history.
final as (

    select
        customer_key,
        occurred_at,
        'unknown' as channel,
        'loyalty_' || transaction_type as touch_type,
        case when transaction_type in ('expire', 'adjust') then 'internal' else 'inbound' end as direction,
        program_id as subject,
        redemption_amount as amount,
        campaign_key,
        'unknown' as employee_key,
        'loyalty_transactions' as source_feed,
        loyalty_transaction_key as source_key
    from loyalty_transactions

)

select * from final

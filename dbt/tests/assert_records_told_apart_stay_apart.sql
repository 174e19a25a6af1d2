{#- Pairs of seed identity_pairs that must never be one customer, but are. -#}

with identity_pairs as (

    select * from {{ ref('identity_pairs') }}

),

customer_records as (

    select * from {{ ref('dim_customer_records') }}

)

select
    identity_pairs.source_system_a,
    identity_pairs.account_id_a,
    identity_pairs.source_system_b,
    identity_pairs.account_id_b
from identity_pairs
inner join customer_records as records_a
    on
        identity_pairs.source_system_a = records_a.source_system
        and identity_pairs.account_id_a = records_a.account_id
inner join customer_records as records_b
    on
        identity_pairs.source_system_b = records_b.source_system
        and identity_pairs.account_id_b = records_b.account_id
where
    identity_pairs.verdict = 'never'
    and records_a.customer_key = records_b.customer_key

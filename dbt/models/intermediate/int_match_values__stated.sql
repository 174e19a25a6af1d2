{#- Grain: one row per account, match_rule and value that the account has. -#}

with accounts as (

    select * from {{ ref('stg_accounts') }}

),

identity_pairs as (

    select * from {{ ref('identity_pairs') }}

),

pairs as (

    select
        verdict,
        {{ surrogate_key(['source_system_a', 'account_id_a']) }} as account_key_a,
        {{ surrogate_key(['source_system_b', 'account_id_b']) }} as account_key_b
    from identity_pairs

),

match_values as (

    select
        account_key,
        'shared_id' as match_rule,
        2 as rule_rank,
        shared_id as match_value
    from accounts
    union all
    select
        account_key,
        'email' as match_rule,
        3 as rule_rank,
        email as match_value
    from accounts
    union all
    select
        account_key,
        'phone' as match_rule,
        4 as rule_rank,
        phone as match_value
    from accounts
    union all
    select
        account_key,
        'company_postcode' as match_rule,
        5 as rule_rank,
        company_match_name || '|' || postal_code as match_value
    from accounts
    union all
    select
        account_key_a as account_key,
        'manual' as match_rule,
        1 as rule_rank,
        account_key_a || '|' || account_key_b as match_value
    from pairs
    where verdict = 'always'
    union all
    select
        account_key_b as account_key,
        'manual' as match_rule,
        1 as rule_rank,
        account_key_a || '|' || account_key_b as match_value
    from pairs
    where verdict = 'always'

),

keyed as (

    select
        account_key,
        match_rule,
        rule_rank,
        {{ surrogate_key(['match_rule', 'match_value']) }} as match_key
    from match_values
    where match_value is not null
    group by all

),

final as (

    select
        {{ surrogate_key(['account_key', 'match_key']) }} as account_match_key,
        account_key,
        match_key,
        match_rule,
        rule_rank
    from keyed

)

select * from final

{#- Grain: one row per account, match_rule and value by which the account may be matched to others. -#}

with accounts as (

    select * from {{ ref('stg_accounts') }}

),

identity_pairs as (

    select * from {{ ref('identity_pairs') }}

),

parameters as (

    select * from {{ ref('dim_parameters') }}

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

counted as (

    select
        account_key,
        match_rule,
        rule_rank,
        match_key,
        count(*) over (partition by match_key) as record_count
    from keyed

),

-- What two records share that somebody has told apart says nothing about anyone (a household's telephone).
ambiguous as (

    select counted_a.match_key
    from pairs
    inner join counted as counted_a on pairs.account_key_a = counted_a.account_key
    inner join counted as counted_b
        on
            pairs.account_key_b = counted_b.account_key
            and counted_a.match_key = counted_b.match_key
    where pairs.verdict = 'never' and counted_a.match_rule <> 'manual'
    group by all

),

final as (

    select
        {{ surrogate_key(['counted.account_key', 'counted.match_key']) }} as account_match_key,
        counted.account_key,
        counted.match_key,
        counted.match_rule,
        counted.rule_rank,
        counted.record_count,
        ambiguous.match_key is not null as is_ambiguous,
        counted.record_count > 1
        and (counted.match_rule = 'manual' or counted.record_count <= parameters.identity_max_records)
        and ambiguous.match_key is null as is_used
    from counted
    cross join parameters
    left join ambiguous on counted.match_key = ambiguous.match_key

)

select * from final

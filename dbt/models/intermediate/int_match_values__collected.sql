{#- Grain: one row per account, match_rule and value by which the account may be matched to others. -#}

with stated as (

    select * from {{ ref('int_match_values__stated') }}

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

counted as (

    select
        *,
        count(*) over (partition by match_key) as record_count
    from stated

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
        counted.account_match_key,
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

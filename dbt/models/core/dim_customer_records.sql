{#- Grain: one row per source system and account id. -#}

with accounts as (

    select * from {{ ref('stg_accounts') }}

),

identified as (

    select * from {{ ref('int_customers__identified') }}

),

match_values as (

    select * from {{ ref('int_match_values__collected') }}
    where is_used

),

-- A shared value ties a record only to others of the same customer; pairs told apart by hand may share one, too.
ties as (

    select
        match_values.account_key,
        match_values.match_rule,
        match_values.rule_rank,
        count(*) over (partition by match_values.match_key, identified.customer_key) as record_count
    from match_values
    inner join identified on match_values.account_key = identified.account_key

),

strongest as (

    select
        account_key,
        min_by(match_rule, rule_rank) as matched_by
    from ties
    where record_count > 1
    group by account_key

),

final as (

    select
        accounts.account_key,
        accounts.source_system,
        accounts.account_id,
        identified.customer_key,
        coalesce(strongest.matched_by, 'none') as matched_by,
        accounts.first_seen_date,
        accounts.is_deleted,
        accounts.deleted_date
    from accounts
    inner join identified on accounts.account_key = identified.account_key
    left join strongest on accounts.account_key = strongest.account_key

)

select * from final

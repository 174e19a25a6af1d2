{#- Grain: one row per account of a source system. -#}

with accounts_history as (

    select * from {{ ref('stg_accounts_history') }}

),

final as (

    select *
    from accounts_history
    where is_current

)

select * from final

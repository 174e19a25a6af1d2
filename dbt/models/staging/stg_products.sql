{#- Grain: one row per product of a source system. -#}

with products_history as (

    select * from {{ ref('stg_products_history') }}

),

final as (

    select *
    from products_history
    where is_current

)

select * from final

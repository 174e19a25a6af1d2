{#- Grain: one row per product and period in which its unit cost held. -#}

with products_history as (

    select * from {{ ref('stg_products_history') }}

),

stated as (

    select
        product_key,
        valid_from,
        unit_cost,
        currency_code
    from products_history
    where unit_cost is not null
    qualify
        row_number() over (
            partition by product_key, valid_from
            order by is_deleted asc, updated_at desc nulls last, source_system asc
        ) = 1

),

final as (

    select
        {{ surrogate_key(['product_key', 'valid_from']) }} as product_cost_key,
        product_key,
        -- Nothing older is known, so the first cost also holds for all that was sold before.
        case
            when row_number() over (partition by product_key order by valid_from) = 1 then date '0001-01-01'
            else valid_from
        end as valid_from,
        lead(valid_from, 1, date '9999-12-31') over (partition by product_key order by valid_from) as valid_to,
        unit_cost,
        currency_code
    from stated

)

select * from final

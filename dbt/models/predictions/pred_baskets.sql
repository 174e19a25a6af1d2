{#- Grain: one row per purpose, unit and basket. -#}

with parameters as (

    select * from {{ ref('dim_parameters') }}

),

basket_items as (

    select * from {{ ref('pred_basket_items') }}

),

counted as (

    select
        purpose,
        unit,
        basket_key,
        customer_type,
        count(*) as item_count
    from basket_items
    group by purpose, unit, basket_key, customer_type

),

-- Peers are baskets of as many products of customers of the same type: who buys more has more of everything.
final as (

    select
        row_number() over (order by counted.purpose asc, counted.unit asc, counted.basket_key asc) as basket_number,
        counted.purpose,
        counted.unit,
        counted.basket_key,
        counted.customer_type,
        counted.item_count,
        counted.item_count * 3
        + case counted.customer_type when 'business' then 0 when 'person' then 1 else 2 end as peer_group,
        counted.item_count <= parameters.max_basket_items as is_counted
    from counted
    cross join parameters

)

select * from final

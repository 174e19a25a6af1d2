{#- Grain: one row per purpose (today, holdout), known customer and product that he has. -#}

with parameters as (

    select * from {{ ref('dim_parameters') }}

),

cutoffs as (

    select * from {{ ref('pred_rule_cutoffs') }}
    where purpose = 'holdout'

),

order_items as (

    select * from {{ ref('pred_order_items') }}
    where customer_key <> 'unknown'

),

-- What somebody bought this morning is not offered to him tonight, whenever the rules were learned.
days as (

    select
        'today' as purpose,
        as_of_date as through_date
    from parameters
    union all
    select
        purpose,
        through_date
    from cutoffs

),

final as (

    select
        days.purpose,
        order_items.customer_key,
        order_items.product_key,
        min(order_items.order_date) as first_date
    from order_items
    inner join days
        on
            order_items.order_date <= days.through_date
            and (order_items.returned_date is null or order_items.returned_date > days.through_date)
    group by days.purpose, order_items.customer_key, order_items.product_key

)

select * from final

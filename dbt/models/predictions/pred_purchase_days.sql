{#- Grain: one row per purpose, known customer and day with a purchase that was not given back, if its lag window is over. -#}

with parameters as (

    select * from {{ ref('dim_parameters') }}

),

cutoffs as (

    select * from {{ ref('pred_rule_cutoffs') }}

),

rule_items as (

    select * from {{ ref('pred_rule_items') }}
    where customer_key <> 'unknown'

),

first_purchases as (

    select * from {{ ref('pred_first_purchases') }}

),

customers as (

    select
        purpose,
        customer_key,
        customer_number
    from first_purchases
    group by purpose, customer_key, customer_number

),

days as (

    select
        cutoffs.purpose,
        cutoffs.through_date,
        rule_items.customer_key,
        rule_items.customer_type,
        rule_items.order_date
    from rule_items
    inner join cutoffs on rule_items.purpose = cutoffs.purpose
    group by cutoffs.purpose, cutoffs.through_date, rule_items.customer_key, rule_items.customer_type, rule_items.order_date

),

numbered as (

    select
        *,
        row_number() over (partition by purpose, customer_key order by order_date asc) as day_number
    from days

),

-- Peers are purchases of customers of the same type that were their first, their second and so on.
final as (

    select
        numbered.purpose,
        customers.customer_number,
        numbered.order_date,
        numbered.day_number,
        numbered.day_number * 3
        + case numbered.customer_type when 'business' then 0 when 'person' then 1 else 2 end as peer_group,
        {{ date_plus('numbered.order_date', 'parameters.sequence_lag_min_days') }} as opens_after_date,
        {{ date_plus('numbered.order_date', 'parameters.sequence_lag_max_days') }} as closes_date
    from numbered
    cross join parameters
    inner join customers
        on
            numbered.purpose = customers.purpose
            and numbered.customer_key = customers.customer_key
    where {{ date_plus('numbered.order_date', 'parameters.sequence_lag_max_days') }} <= numbered.through_date

)

select * from final

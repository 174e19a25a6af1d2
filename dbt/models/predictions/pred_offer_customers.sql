{#- Grain: one row per purpose (today, holdout) and customer who may get an offer. -#}

with cutoffs as (

    select * from {{ ref('pred_cutoffs') }}
    where purpose <> 'fit'

),

customers as (

    select * from {{ ref('dim_customers') }}
    where customer_key <> 'unknown' and not is_test and not is_deleted

),

owned_products as (

    select * from {{ ref('pred_first_purchases') }}

),

owned as (

    select
        purpose,
        customer_key,
        count(*) as owned_count
    from owned_products
    group by purpose, customer_key

),

-- Who and what a customer was on the last day that may be seen.
final as (

    select
        cutoffs.purpose,
        customers.customer_key,
        customers.customer_type,
        customers.customer_segment,
        coalesce(owned.owned_count, 0) as owned_count
    from customers
    inner join cutoffs on customers.valid_from <= cutoffs.through_date and customers.valid_to > cutoffs.through_date
    left join owned
        on
            cutoffs.purpose = owned.purpose
            and customers.customer_key = owned.customer_key

)

select * from final

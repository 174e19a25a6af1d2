{#- Grain: one row per purpose (today, holdout) and customer known on the last day that rules may see. -#}

with cutoffs as (

    select * from {{ ref('pred_rule_cutoffs') }}

),

customers as (

    select * from {{ ref('dim_customers') }}
    where customer_key <> 'unknown' and not is_test and not is_deleted

),

final as (

    select
        cutoffs.purpose,
        customers.customer_key,
        customers.customer_type
    from customers
    inner join cutoffs on customers.valid_from <= cutoffs.through_date and customers.valid_to > cutoffs.through_date

)

select * from final

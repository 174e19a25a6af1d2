{#- Grain: one row per purpose (today, holdout) and customer who may get an offer. -#}

with parameters as (

    select * from {{ ref('dim_parameters') }}

),

cutoffs as (

    select * from {{ ref('pred_rule_cutoffs') }}
    where purpose = 'holdout'

),

customers as (

    select * from {{ ref('dim_customers') }}
    where customer_key <> 'unknown' and not is_test and not is_deleted

),

owned_products as (

    select * from {{ ref('pred_owned_products') }}

),

owned as (

    select
        purpose,
        customer_key,
        count(*) as owned_count
    from owned_products
    group by purpose, customer_key

),

-- Today's offers are for those who are customers today, whenever the rules were learned.
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
        customers.customer_key,
        customers.customer_type,
        customers.customer_segment,
        coalesce(owned.owned_count, 0) as owned_count
    from customers
    inner join days on customers.valid_from <= days.through_date and customers.valid_to > days.through_date
    left join owned
        on
            days.purpose = owned.purpose
            and customers.customer_key = owned.customer_key

)

select * from final

{#- Grain: one row per number of offers looked at (1, 3, 5) and member: total, or a type of customers. -#}

with cutoffs as (

    select * from {{ ref('pred_rule_cutoffs') }}
    where purpose = 'holdout'

),

customers as (

    select * from {{ ref('pred_offer_customers') }}
    where purpose = 'holdout'

),

cases as (

    select * from {{ ref('pred_offer_cases') }}

),

sizes as (

    select 1 as offer_count
    union all
    select 3 as offer_count
    union all
    select 5 as offer_count

),

members as (

    select
        customer_type as member,
        count(*) as customer_count
    from customers
    group by customer_type
    union all
    select
        'total' as member,
        count(*) as customer_count
    from customers

),

final as (

    select
        members.member,
        cast(sizes.offer_count as bigint) as offer_count,
        cutoffs.through_date,
        cutoffs.until_date,
        members.customer_count,
        count(cases.customer_key) as case_count,
        count(*) filter (where cases.rank_number <= sizes.offer_count) as hit_count,
        count(*) filter (where cases.popular_rank_number <= sizes.offer_count) as popular_hit_count
    from members
    cross join sizes
    cross join cutoffs
    left join cases on members.member = cases.customer_type or members.member = 'total'
    group by members.member, sizes.offer_count, cutoffs.through_date, cutoffs.until_date, members.customer_count

)

select * from final

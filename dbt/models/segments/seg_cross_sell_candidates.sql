{#- Grain: one row per active customer whose products call for one that he does not have. -#}

with parameters as (

    select * from {{ ref('dim_parameters') }}

),

next_best_offers as (

    select * from {{ ref('pred_next_best_offers') }}

),

active_customers as (

    select * from {{ ref('kpi_purchase_stretches') }}
    where lost_date is null

),

-- Offers worth a contact: made of a rule with enough customers, more likely than for others, and money to be earned.
offers as (

    select next_best_offers.*
    from next_best_offers
    cross join parameters
    inner join active_customers on next_best_offers.customer_key = active_customers.customer_key
    where
        next_best_offers.basis in ('sequence', 'affinity')
        and next_best_offers.case_count >= parameters.cross_sell_min_count
        and next_best_offers.purchase_factor >= parameters.cross_sell_min_lift
        and next_best_offers.confidence_rate >= parameters.cross_sell_min_confidence
        and next_best_offers.expected_margin_amount > 0
    qualify row_number() over (partition by next_best_offers.customer_key order by next_best_offers.rank_number) = 1

),

final as (

    select
        customer_key,
        cast(row_number() over (order by expected_margin_amount desc, customer_key asc) as bigint) as rank_number,
        reason,
        offered_product_key,
        offered_product_name,
        owned_product_key,
        owned_product_names as owned_product_name,
        confidence_rate,
        purchase_rate,
        purchase_factor as lift,
        expected_margin_amount,
        argument
    from offers

)

select * from final

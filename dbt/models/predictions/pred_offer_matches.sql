{#- Grain: one row per purpose (today, holdout), customer and product that a rule offers him: the rule that promises most. -#}

with cutoffs as (

    select * from {{ ref('pred_rule_cutoffs') }}

),

rules as (

    select * from {{ ref('pred_offer_rules') }}

),

products as (

    select * from {{ ref('pred_offer_products') }}

),

met_rules as (

    select * from {{ ref('pred_met_rules') }}

),

in_range as (

    select
        met_rules.purpose,
        met_rules.customer_key,
        met_rules.offered_product_key as product_key,
        met_rules.offer_rule_key,
        rules.basis,
        rules.antecedent_size,
        rules.confidence_rate,
        rules.lower_rate,
        rules.usual_rate,
        products.new_buyer_rate,
        {{ days_between('met_rules.complete_date', 'cutoffs.through_date') }} as elapsed_days,
        rules.lag_min_days,
        rules.lag_max_days
    from met_rules
    inner join rules on met_rules.offer_rule_key = rules.offer_rule_key
    inner join cutoffs on met_rules.purpose = cutoffs.purpose
    inner join products
        on
            met_rules.purpose = products.purpose
            and met_rules.customer_type = products.customer_type
            and met_rules.offered_product_key = products.product_key

),

-- A sequence holds while its window lies ahead or is open, and for the share of it that is left. An affinity raises what
-- customers of the type buy anyway by as much as owners of the set have it more often than customers like them.
promised as (

    select
        *,
        least(lag_max_days - elapsed_days, lag_max_days - lag_min_days) / cast(lag_max_days - lag_min_days as double) as left_share,
        new_buyer_rate * lower_rate / usual_rate as affinity_rate
    from in_range
    where elapsed_days < lag_max_days or (basis = 'affinity' and lower_rate > usual_rate)

),

rated as (

    select
        *,
        round(
            case
                when basis = 'sequence' then lower_rate * left_share / (1 - lower_rate * (1 - left_share))
                else least(affinity_rate, 1)
            end,
            9
        ) as purchase_rate
    from promised

),

final as (

    select
        purpose,
        customer_key,
        product_key,
        offer_rule_key,
        basis,
        confidence_rate,
        purchase_rate
    from rated
    qualify
        row_number() over (
            partition by purpose, customer_key, product_key
            order by purchase_rate desc, lower_rate desc, antecedent_size asc, offer_rule_key asc
        ) = 1

)

select * from final

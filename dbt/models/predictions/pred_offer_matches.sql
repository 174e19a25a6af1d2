{#- Grain: one row per purpose (today, holdout), customer and product that a rule offers him: the rule that promises most. -#}

with cutoffs as (

    select * from {{ ref('pred_cutoffs') }}

),

-- Whole numbers for what is counted below by the million.
rules as (

    select
        *,
        row_number() over (order by offer_rule_key) as rule_number
    from {{ ref('pred_offer_rules') }}

),

customers as (

    select * from {{ ref('pred_offer_customers') }}

),

products as (

    select * from {{ ref('pred_offer_products') }}

),

owned_products as (

    select * from {{ ref('pred_first_purchases') }}

),

antecedents as (

    {% for number in range(1, 7) -%}
    select
        purpose,
        rule_number,
        product_key_{{ number }} as product_key
    from rules
    where antecedent_size >= {{ number }}
    {% if not loop.last %}union all{% endif %}
    {% endfor %}
),

-- A customer meets every rule that one of his products is part of: the rules per product are bounded.
met as (

    select
        owned_products.customer_number,
        antecedents.rule_number,
        count(*) as met_count,
        max(owned_products.first_date) as complete_date
    from owned_products
    inner join antecedents on owned_products.purpose = antecedents.purpose and owned_products.product_key = antecedents.product_key
    group by owned_products.customer_number, antecedents.rule_number

),

missing as (

    select
        rules.purpose,
        owners.customer_key,
        rules.offered_product_key as product_key,
        rules.offer_rule_key,
        rules.basis,
        rules.antecedent_size,
        rules.confidence_rate,
        rules.lower_rate,
        rules.usual_rate,
        products.new_buyer_rate,
        {{ days_between('met.complete_date', 'cutoffs.through_date') }} as elapsed_days,
        rules.lag_min_days,
        rules.lag_max_days
    from met
    inner join rules on met.rule_number = rules.rule_number and met.met_count = rules.antecedent_size
    inner join owned_products as owners on met.customer_number = owners.customer_number and rules.product_key_1 = owners.product_key
    inner join cutoffs on rules.purpose = cutoffs.purpose
    inner join customers on rules.purpose = customers.purpose and owners.customer_key = customers.customer_key
    inner join products
        on
            rules.purpose = products.purpose
            and customers.customer_type = products.customer_type
            and rules.offered_product_key = products.product_key
    left join owned_products
        on
            met.customer_number = owned_products.customer_number
            and rules.offered_product_key = owned_products.product_key
    where owned_products.product_key is null

),

-- A sequence holds while its window lies ahead or is open, and for the share of it that is left. An affinity raises what
-- customers of the type buy anyway by as much as owners of the set have it more often than customers like them.
promised as (

    select
        *,
        least(lag_max_days - elapsed_days, lag_max_days - lag_min_days) / cast(lag_max_days - lag_min_days as double) as left_share,
        new_buyer_rate * lower_rate / usual_rate as affinity_rate
    from missing
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

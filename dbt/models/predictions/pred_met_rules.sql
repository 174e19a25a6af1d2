{#- Grain: one row per purpose (today, holdout), customer and rule whose products he has and whose offered product he has not. -#}

-- Whole numbers for what is counted below by the million.
with rules as (

    select
        *,
        row_number() over (order by offer_rule_key) as rule_number
    from {{ ref('pred_offer_rules') }}

),

customers as (

    select
        *,
        row_number() over (order by purpose, customer_key) as customer_number
    from {{ ref('pred_offer_customers') }}

),

owned_products as (

    select * from {{ ref('pred_owned_products') }}

),

owned as (

    select
        customers.customer_number,
        owned_products.purpose,
        owned_products.product_key,
        owned_products.first_date
    from owned_products
    inner join customers on owned_products.purpose = customers.purpose and owned_products.customer_key = customers.customer_key

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
        owned.customer_number,
        antecedents.rule_number,
        count(*) as met_count,
        max(owned.first_date) as complete_date
    from owned
    inner join antecedents on owned.purpose = antecedents.purpose and owned.product_key = antecedents.product_key
    group by owned.customer_number, antecedents.rule_number

),

final as (

    select
        customers.purpose,
        customers.customer_key,
        customers.customer_type,
        rules.offer_rule_key,
        rules.offered_product_key,
        met.complete_date
    from met
    inner join rules on met.rule_number = rules.rule_number and met.met_count = rules.antecedent_size
    inner join customers on met.customer_number = customers.customer_number
    left join owned
        on
            met.customer_number = owned.customer_number
            and rules.offered_product_key = owned.product_key
    where owned.product_key is null

)

select * from final

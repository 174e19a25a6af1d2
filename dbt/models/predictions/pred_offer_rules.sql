{#- Grain: one row per purpose (today, holdout) and rule that offers are made of. -#}
{%- set sizes = range(1, 7) -%}

with parameters as (

    select * from {{ ref('dim_parameters') }}

),

products as (

    select * from {{ ref('dim_products') }}

),

affinity_rules as (

    select * from {{ ref('pred_affinity_rules') }}
    where unit = 'customer' and is_significant

),

sequence_rules as (

    select * from {{ ref('pred_sequence_rules') }}
    where is_significant

),

-- The fewer cases, the less a rule counts: it is taken at the lower end of its interval (Wilson, 95 %).
rules as (

    select
        rule_key,
        purpose,
        'sequence' as basis,
        antecedent_size,
        {% for number in sizes %}product_key_{{ number }},
        {% endfor -%}
        offered_product_key,
        antecedent_count,
        both_count,
        confidence_rate,
        baseline_rate as usual_rate,
        lower_rate,
        lag_min_days,
        lag_max_days
    from sequence_rules
    union all
    select
        rule_key,
        purpose,
        'affinity' as basis,
        antecedent_size,
        {% for number in sizes %}{% if number > 3 %}null as {% endif %}product_key_{{ number }},
        {% endfor -%}
        offered_product_key,
        antecedent_count,
        both_count,
        confidence_rate,
        round(expected_count / antecedent_count, 9) as usual_rate,
        round(
            (
                confidence_rate + 1.920729411 / antecedent_count
                - 1.959963985 * sqrt((confidence_rate * (1 - confidence_rate) + 0.960364706 / antecedent_count) / antecedent_count)
            ) / (1 + 3.841458822 / antecedent_count),
            9
        ) as lower_rate,
        null as lag_min_days,
        null as lag_max_days
    from affinity_rules

),

-- The best of each kind and size are enough; they bound what a customer is compared with.
best as (

    select rules.*
    from rules
    cross join parameters
    qualify
        row_number() over (
            partition by rules.purpose, rules.basis, rules.offered_product_key, rules.antecedent_size
            order by rules.lower_rate desc, rules.antecedent_count desc, rules.rule_key asc
        ) <= parameters.offer_rules_per_product

),

final as (

    select
        {{ surrogate_key(['best.purpose', 'best.basis', 'best.rule_key']) }} as offer_rule_key,
        best.purpose,
        best.basis,
        cast(best.antecedent_size as bigint) as antecedent_size,
        {% for number in sizes %}best.product_key_{{ number }},
        {% endfor -%}
        best.offered_product_key,
        best.antecedent_count,
        best.both_count,
        best.confidence_rate,
        best.usual_rate,
        best.lower_rate,
        best.lag_min_days,
        best.lag_max_days,
        products_1.product_name
        {%- for number in sizes if number > 1 %}
        || coalesce(case when best.antecedent_size = {{ number }} then ' and ' else ', ' end || products_{{ number }}.product_name, '')
        {%- endfor %} as antecedent_names
    from best
    inner join products as products_1 on best.product_key_1 = products_1.product_key
    {% for number in sizes if number > 1 -%}
    left join products as products_{{ number }} on best.product_key_{{ number }} = products_{{ number }}.product_key
    {% endfor %}
)

select * from final

{#- Grain: one row per purpose, unit, set of one to three products and product that is frequently together with it. -#}

with parameters as (

    select * from {{ ref('dim_parameters') }}

),

candidates as (

    select * from {{ ref('pred_rule_candidates') }}

),

sets as (

    select * from {{ ref('pred_frequent_sets') }}

),

products as (

    select * from {{ ref('pred_frequent_products') }}

),

-- All rules that might have been found: every frequent set with every other frequent product.
sizes as (

    select
        purpose,
        unit,
        count(*) as product_count
    from products
    group by purpose, unit

),

trials as (

    select
        sets.purpose,
        sets.unit,
        sets.set_size as antecedent_size,
        count(*) * max(sizes.product_count - sets.set_size) as trial_count
    from sets
    inner join sizes on sets.purpose = sizes.purpose and sets.unit = sizes.unit
    group by sets.purpose, sets.unit, sets.set_size

),

measured as (

    select
        candidates.purpose,
        candidates.unit,
        candidates.antecedent_size,
        candidates.product_number_1,
        candidates.product_number_2,
        candidates.product_number_3,
        offered.product_key as offered_product_key,
        candidates.antecedent_count,
        offered.product_count as consequent_count,
        candidates.both_count,
        offered.basket_count,
        {{ safe_ratio('candidates.both_count', 'offered.basket_count') }} as support_rate,
        {{ safe_ratio('candidates.both_count', 'candidates.antecedent_count') }} as confidence_rate,
        {{ safe_ratio('candidates.antecedent_count', 'offered.basket_count') }} as antecedent_rate,
        {{ safe_ratio('offered.product_count', 'offered.basket_count') }} as consequent_rate,
        candidates.expected_count,
        {{ safe_ratio('candidates.expected_count', 'candidates.antecedent_count') }} as expected_rate,
        parameters.rule_significance_level / 3 / trials.trial_count as allowed_rate
    from candidates
    cross join parameters
    inner join products as offered on candidates.offered_number = offered.product_number
    inner join trials
        on
            candidates.purpose = trials.purpose
            and candidates.unit = trials.unit
            and candidates.antecedent_size = trials.antecedent_size

),

-- Chernoff's and Hoeffding's bound: the chance of so many, were they as usual, is at most exp(-n × divergence).
judged as (

    select
        *,
        case
            when both_count <= expected_count then 1
            when both_count = antecedent_count then exp(antecedent_count * ln(expected_rate))
            else
                exp(
                    -antecedent_count * (
                        confidence_rate * ln(confidence_rate / expected_rate)
                        + (1 - confidence_rate) * ln((1 - confidence_rate) / (1 - expected_rate))
                    )
                )
        end as chance_rate
    from measured

),

final as (

    select
        {{ surrogate_key(['judged.purpose', 'judged.unit', 'firsts.product_key', 'seconds.product_key', 'thirds.product_key',
            'judged.offered_product_key']) }} as rule_key,
        judged.purpose,
        judged.unit,
        judged.antecedent_size,
        firsts.product_key as product_key_1,
        seconds.product_key as product_key_2,
        thirds.product_key as product_key_3,
        judged.offered_product_key,
        judged.antecedent_count,
        judged.consequent_count,
        judged.both_count,
        judged.basket_count,
        judged.support_rate,
        judged.confidence_rate,
        judged.confidence_rate / judged.consequent_rate as lift,
        judged.support_rate - judged.antecedent_rate * judged.consequent_rate as leverage_rate,
        {{ safe_ratio('1 - judged.consequent_rate', '1 - judged.confidence_rate') }} as conviction,
        judged.expected_count,
        round(judged.chance_rate, 12) as chance_rate,
        judged.chance_rate <= judged.allowed_rate as is_significant
    from judged
    inner join products as firsts on judged.product_number_1 = firsts.product_number
    left join products as seconds on judged.product_number_2 = seconds.product_number
    left join products as thirds on judged.product_number_3 = thirds.product_number

)

select * from final

{#- Grain: one row per purpose, set of one to six products and product that customers bought in the window after it. -#}

with parameters as (

    select * from {{ ref('dim_parameters') }}

),

sets as (

    select * from {{ ref('pred_sequence_sets') }}

),

counts as (

    select * from {{ ref('pred_sequence_counts') }}

),

first_purchases as (

    select * from {{ ref('pred_first_purchases') }}

),

products as (

    select
        purpose,
        product_number,
        product_key
    from first_purchases
    group by purpose, product_number, product_key

),

-- All rules that might have been found: every frequent set with every other product.
product_counts as (

    select
        purpose,
        count(*) as product_count
    from products
    group by purpose

),

trials as (

    select
        sets.purpose,
        sets.set_size,
        count(*) * max(product_counts.product_count - sets.set_size) as trial_count
    from sets
    inner join product_counts on sets.purpose = product_counts.purpose
    group by sets.purpose, sets.set_size

),

measured as (

    select
        sets.*,
        products.product_key as offered_product_key,
        counts.antecedent_count,
        counts.both_count,
        counts.expected_count,
        {{ safe_ratio('counts.both_count', 'counts.antecedent_count') }} as confidence_rate,
        {{ safe_ratio('counts.expected_count', 'counts.antecedent_count') }} as baseline_rate,
        cast(parameters.sequence_lag_min_days as bigint) as lag_min_days,
        cast(parameters.sequence_lag_max_days as bigint) as lag_max_days,
        parameters.rule_significance_level / 6 / trials.trial_count as allowed_rate
    from counts
    cross join parameters
    inner join sets on counts.set_number = sets.set_number
    inner join trials on sets.purpose = trials.purpose and sets.set_size = trials.set_size
    inner join products on counts.product_number = products.product_number
    where counts.antecedent_count >= parameters.sequence_min_count

),

-- Chernoff's and Hoeffding's bound: the chance of so many, were they as usual, is at most exp(-n × divergence).
judged as (

    select
        *,
        case
            when both_count <= expected_count then 1
            when both_count = antecedent_count then exp(antecedent_count * ln(baseline_rate))
            else
                exp(
                    -antecedent_count * (
                        confidence_rate * ln(confidence_rate / baseline_rate)
                        + (1 - confidence_rate) * ln((1 - confidence_rate) / (1 - baseline_rate))
                    )
                )
        end as chance_rate,
        1.959963985 * sqrt(confidence_rate * (1 - confidence_rate) / antecedent_count + power(1.959963985 / antecedent_count, 2) / 4)
            as half_width,
        confidence_rate + power(1.959963985, 2) / 2 / antecedent_count as centre,
        1 + power(1.959963985, 2) / antecedent_count as scale
    from measured

),

final as (

    select
        {{ surrogate_key(['purpose', 'product_key_1', 'product_key_2', 'product_key_3', 'product_key_4', 'product_key_5', 'product_key_6',
            'offered_product_key']) }} as rule_key,
        purpose,
        set_size as antecedent_size,
        {% for n in range(1, 7) -%}
        product_key_{{ n }},
        {% endfor -%}
        offered_product_key,
        antecedent_count,
        both_count,
        confidence_rate,
        baseline_rate,
        confidence_rate / baseline_rate as lift,
        round((centre - half_width) / scale, 9) as lower_rate,
        round((centre + half_width) / scale, 9) as upper_rate,
        round(chance_rate, 12) as chance_rate,
        chance_rate <= allowed_rate as is_significant,
        lag_min_days,
        lag_max_days
    from judged

)

select * from final

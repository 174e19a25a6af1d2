{#- Grain: one row per customer and rank (1 to 5). -#}

with parameters as (

    select * from {{ ref('dim_parameters') }}

),

ranked_offers as (

    select * from {{ ref('pred_ranked_offers') }}
    where purpose = 'today'

),

-- Without a verdict nothing has proved itself.
verdict as (

    select coalesce(max(method), 'popular') as method
    from {{ source('fitted', 'next_best_offer_verdict') }}

),

customers as (

    select * from {{ ref('pred_offer_customers') }}
    where purpose = 'today'

),

products as (

    select * from {{ ref('pred_offer_products') }}
    where purpose = 'today'

),

rules as (

    select * from {{ ref('pred_offer_rules') }}

),

arguments as (

    select * from {{ ref('pred_offer_arguments') }}

),

published as (

    select
        ranked_offers.*,
        customers.customer_type,
        customers.customer_segment,
        customers.owned_count > 0 as has_history,
        products.product_name,
        products.margin_amount,
        products.new_buyer_rate,
        {{ safe_ratio('ranked_offers.purchase_rate', 'products.new_buyer_rate') }} as purchase_factor,
        cast(cast(round(100 * ranked_offers.confidence_rate) as bigint) as string) || ' % ' as percent_text,
        cast(parameters.prediction_holdout_months as string) || ' months' as months_text
    from ranked_offers
    inner join verdict on ranked_offers.method = verdict.method
    cross join parameters
    inner join customers on ranked_offers.customer_key = customers.customer_key
    inner join products
        on
            customers.customer_type = products.customer_type
            and ranked_offers.product_key = products.product_key

),

matched as (

    select
        published.*,
        rules.product_key_1 as owned_product_key,
        rules.antecedent_names,
        rules.antecedent_count,
        'Has ' || rules.antecedent_names || '; ' || published.percent_text || 'of the ' || cast(rules.antecedent_count as string) || ' who '
            as rule_text,
        case when rules.antecedent_size = 1 then 'it' else 'them' end as set_text,
        cast(rules.lag_min_days as string) || ' to ' || cast(rules.lag_max_days as string) || ' days' as lag_text,
        ' (usual: ' || cast(cast(round(100 * rules.usual_rate) as bigint) as string) || ' %)' as usual_text
    from published
    left join rules on published.offer_rule_key = rules.offer_rule_key

),

reasoned as (

    select
        *,
        case
            when basis = 'sequence'
                then rule_text || 'had ' || set_text || ' bought ' || product_name || ' after ' || lag_text || usual_text
            when basis = 'affinity' then rule_text || 'have ' || set_text || ' also have ' || product_name || usual_text
            when basis = 'similar_buyers' then 'Of the customers with products he has, ' || percent_text || 'also have ' || product_name
            when method = 'popular' then percent_text || 'of all customers with a purchase have ' || product_name
            else
                case when has_history then '' else 'No purchase known; ' end
                || percent_text || 'of such customers newly bought ' || product_name || ' in ' || months_text
        end as reason
    from matched

),

final as (

    select
        {{ surrogate_key(['reasoned.customer_key', 'reasoned.rank_number']) }} as next_best_offer_key,
        reasoned.customer_key,
        reasoned.rank_number,
        reasoned.method,
        reasoned.customer_type,
        reasoned.has_history,
        reasoned.product_key as offered_product_key,
        reasoned.product_name as offered_product_name,
        reasoned.basis,
        reasoned.owned_product_key,
        reasoned.antecedent_names as owned_product_names,
        reasoned.antecedent_count as case_count,
        reasoned.confidence_rate,
        reasoned.purchase_rate,
        reasoned.purchase_factor,
        reasoned.reason,
        reasoned.margin_amount,
        cast({{ rounded('reasoned.purchase_rate * reasoned.margin_amount', 2) }} as decimal(18, 2)) as expected_margin_amount,
        arguments.argument,
        arguments.response_rate as argument_response_rate,
        arguments.addressed_count as argument_contact_count
    from reasoned
    left join arguments
        on
            reasoned.customer_segment = arguments.customer_segment
            and reasoned.product_key = arguments.product_key

)

select * from final

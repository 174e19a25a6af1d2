{#- Grain: one row per customer whose purchases usually lead to another one about now. -#}

with parameters as (

    select * from {{ ref('dim_parameters') }}

),

rules as (

    select * from {{ ref('pred_offer_rules') }}
    where purpose = 'today' and basis = 'sequence'

),

met_rules as (

    select * from {{ ref('pred_met_rules') }}
    where purpose = 'today'

),

-- Products in range that the customer lacks and that rules promise him, with the chance of a purchase.
matches as (

    select * from {{ ref('pred_offer_matches') }}
    where purpose = 'today'

),

customers as (

    select * from {{ ref('pred_offer_customers') }}
    where purpose = 'today'

),

products as (

    select * from {{ ref('pred_offer_products') }}
    where purpose = 'today'

),

arguments as (

    select * from {{ ref('pred_offer_arguments') }}

),

-- One product per customer, the likeliest one, and of the rules that speak for it now the one that says most.
due as (

    select
        rules.*,
        met_rules.customer_key,
        met_rules.complete_date,
        matches.purchase_rate
    from met_rules
    cross join parameters
    inner join rules on met_rules.offer_rule_key = rules.offer_rule_key
    inner join matches on met_rules.customer_key = matches.customer_key and met_rules.offered_product_key = matches.product_key
    where
        {{ days_between('met_rules.complete_date', 'parameters.as_of_date') }} >= rules.lag_min_days - parameters.next_purchase_lead_days
        and {{ days_between('met_rules.complete_date', 'parameters.as_of_date') }} < rules.lag_max_days
        and rules.confidence_rate >= parameters.cross_sell_min_confidence
        and rules.confidence_rate >= round(parameters.cross_sell_min_lift * rules.usual_rate, 9)
    qualify
        row_number() over (
            partition by met_rules.customer_key
            order by matches.purchase_rate desc, rules.lower_rate desc, rules.antecedent_size asc, rules.offer_rule_key asc
        ) = 1

),

priced as (

    select
        due.*,
        products.product_name as offered_product_name,
        cast({{ rounded('due.purchase_rate * products.margin_amount', 2) }} as decimal(18, 2)) as expected_margin_amount,
        arguments.argument
    from due
    inner join customers on due.customer_key = customers.customer_key
    inner join products on customers.customer_type = products.customer_type and due.offered_product_key = products.product_key
    left join arguments on customers.customer_segment = arguments.customer_segment and due.offered_product_key = arguments.product_key

),

final as (

    select
        customer_key,
        cast(row_number() over (order by expected_margin_amount desc nulls last, complete_date asc, customer_key asc) as bigint)
            as rank_number,
        'Has ' || antecedent_names || ' since ' || cast(complete_date as string) || '; '
        || cast(cast(round(100 * confidence_rate) as bigint) as string) || ' % of ' || cast(antecedent_count as string)
        || ' such customers bought ' || offered_product_name || ' ' || cast(lag_min_days as string) || ' to '
        || cast(lag_max_days as string) || ' days later (usual: '
        || cast(cast(round(100 * usual_rate) as bigint) as string) || ' %)' as reason,
        offered_product_key,
        offered_product_name,
        antecedent_names as owned_product_name,
        complete_date,
        {{ date_plus('complete_date', 'lag_min_days') }} as window_start_date,
        {{ date_plus('complete_date', 'lag_max_days') }} as window_end_date,
        confidence_rate,
        purchase_rate,
        expected_margin_amount,
        argument
    from priced

)

select * from final

{#- Grain: one row per known customer and frequent set of up to six products that he has and whose lag window is over. -#}

{%- set sizes = range(2, 7) %}

with parameters as (

    select * from {{ ref('dim_parameters') }}

),

first_purchases as (

    select * from {{ ref('pred_first_purchases') }}

),

purchase_days as (

    select * from {{ ref('pred_purchase_days') }}

),

minimums as (

    select
        purchase_days.purpose,
        greatest(
            max(parameters.sequence_min_count),
            cast(ceil(max(parameters.affinity_min_support_rate) * count(distinct purchase_days.customer_number)) as bigint)
        ) as min_count
    from purchase_days
    cross join parameters
    group by purchase_days.purpose

),

-- Only first purchases that can be watched for the whole window.
observable as (

    select
        first_purchases.purpose,
        first_purchases.customer_number,
        first_purchases.product_number,
        first_purchases.first_date as complete_date
    from first_purchases
    inner join purchase_days
        on
            first_purchases.customer_number = purchase_days.customer_number
            and first_purchases.first_date = purchase_days.order_date

),

frequent_1 as (

    select
        observable.purpose,
        observable.product_number as product_number_1
    from observable
    inner join minimums on observable.purpose = minimums.purpose
    group by observable.purpose, observable.product_number
    having count(*) >= max(minimums.min_count)

),

sets_1 as (

    select observable.*
    from observable
    inner join frequent_1 on observable.product_number = frequent_1.product_number_1

),
{% for size in sizes %}
{%- set numbers %}{% for n in range(1, size + 1) %}product_number_{{ n }}{{ ', ' if not loop.last }}{% endfor %}{% endset %}
-- Each set of {{ size - 1 }} grows by one product with a higher number; complete on the later day.
grown_{{ size }} as (

    select
        {% if size == 2 -%}
        smaller.product_number as product_number_1,
        {% else -%}
        {% for n in range(1, size) -%}
        smaller.product_number_{{ n }},
        {% endfor -%}
        {% endif -%}
        added.product_number as product_number_{{ size }},
        smaller.purpose,
        smaller.customer_number,
        greatest(smaller.complete_date, added.complete_date) as complete_date
    from sets_{{ size - 1 }} as smaller
    inner join sets_1 as added
        on
            smaller.customer_number = added.customer_number
            and smaller.product_number{{ '_' ~ (size - 1) if size > 2 }} < added.product_number

),

frequent_{{ size }} as (

    select {{ numbers }}
    from grown_{{ size }}
    inner join minimums on grown_{{ size }}.purpose = minimums.purpose
    group by {{ numbers }}
    having count(*) >= max(minimums.min_count)

),

sets_{{ size }} as (

    select grown_{{ size }}.*
    from grown_{{ size }}
    inner join frequent_{{ size }} using ({{ numbers }})

),
{% endfor %}
final as (

    {% for size in range(1, 7) -%}
    select
        purpose,
        customer_number,
        {{ size }} as set_size,
        {% for n in range(1, 7) -%}
        {{ 'product_number' ~ ('_' ~ n if size > 1 else '') if n <= size else 0 }} as product_number_{{ n }},
        {% endfor -%}
        complete_date
    from sets_{{ size }}
    {% if not loop.last -%}
    union all
    {% endif -%}
    {% endfor %}
)

select * from final

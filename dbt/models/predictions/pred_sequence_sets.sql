{#- Grain: one row per purpose and frequent set of up to six products. -#}

with anchors as (

    select * from {{ ref('pred_sequence_anchors') }}

),

first_purchases as (

    select * from {{ ref('pred_first_purchases') }}

),

products as (

    select
        product_number,
        product_key
    from first_purchases
    group by product_number, product_key

),

sets as (

    select
        purpose,
        set_size,
        {% for n in range(1, 7) -%}
        product_number_{{ n }},
        {% endfor -%}
        count(*) as set_count
    from anchors
    group by
        {% for n in range(1, 7) -%}
        product_number_{{ n }},
        {% endfor -%}
        purpose,
        set_size

),

final as (

    select
        row_number() over (
            order by
                sets.purpose asc,
                sets.set_size asc,
                sets.product_number_1 asc,
                sets.product_number_2 asc,
                sets.product_number_3 asc,
                sets.product_number_4 asc,
                sets.product_number_5 asc,
                sets.product_number_6 asc
        ) as set_number,
        sets.purpose,
        sets.set_size,
        {% for n in range(1, 7) -%}
        sets.product_number_{{ n }},
        {% endfor -%}
        {% for n in range(1, 7) -%}
        products_{{ n }}.product_key as product_key_{{ n }},
        {% endfor -%}
        sets.set_count
    from sets
    inner join products as products_1 on sets.product_number_1 = products_1.product_number
    {%- for n in range(2, 7) %}
    left join products as products_{{ n }} on sets.product_number_{{ n }} = products_{{ n }}.product_number
    {%- endfor %}
)

select * from final

{#- Grain: one row per product id, whatever the systems; plus the unknown member. -#}

{%- set attributes = [
    'product_name', 'product_category', 'list_price', 'unit_cost', 'currency_code', 'is_subscription', 'is_active', 'launched_date',
    'discontinued_date',
] %}

with products as (

    select * from {{ ref('stg_products') }}

),

order_lines as (

    select * from {{ ref('stg_order_lines') }}

),

parameters as (

    select * from {{ ref('dim_parameters') }}

),

exchange_rates as (

    select * from {{ ref('int_exchange_rates__ranged') }}

),

ranked as (

    select
        *,
        row_number() over (
            partition by product_key
            order by is_deleted desc, updated_at asc nulls first, valid_from asc, source_system desc
        ) as precedence
    from products

),

listed as (

    select
        product_key,
        product_id,
        {% for attribute in attributes -%}
        max_by({{ attribute }}, precedence) filter (where {{ attribute }} is not null) as {{ attribute }},
        {% endfor -%}
        bool_and(is_deleted) as is_deleted,
        case when bool_and(is_deleted) then max(deleted_date) end as deleted_date
    from ranked
    group by all

),

-- What was sold but is in no list: known by its number, or by the name on the line.
sold as (

    select
        product_key,
        min(coalesce(product_id, product_name)) as product_id,
        min(coalesce(product_name, product_id)) as product_name
    from order_lines
    where product_key is not null
    group by product_key

),

listed_names as (

    select lower(trim(product_name)) as product_name
    from listed
    group by lower(trim(product_name))
    having count(*) = 1

),

final as (

    select
        listed.product_key,
        listed.product_id,
        coalesce(listed.product_name, listed.product_id) as product_name,
        coalesce(listed.product_category, 'unknown') as product_category,
        cast(listed.list_price * exchange_rates.rate as decimal(18, 2)) as list_price_amount,
        cast(listed.unit_cost * exchange_rates.rate as decimal(18, 2)) as unit_cost_amount,
        coalesce(listed.is_subscription, false) as is_subscription,
        coalesce(listed.is_active, not listed.is_deleted) as is_active,
        false as is_inferred,
        listed.launched_date,
        listed.discontinued_date,
        listed.is_deleted,
        listed.deleted_date
    from listed
    cross join parameters
    left join exchange_rates
        on
            coalesce(listed.currency_code, parameters.reporting_currency) = exchange_rates.currency_code
            and parameters.as_of_date >= exchange_rates.valid_from
            and parameters.as_of_date < exchange_rates.valid_to
    union all
    select
        sold.product_key,
        sold.product_id,
        sold.product_name,
        'unknown' as product_category,
        null as list_price_amount,
        null as unit_cost_amount,
        false as is_subscription,
        true as is_active,
        true as is_inferred,
        null as launched_date,
        null as discontinued_date,
        false as is_deleted,
        null as deleted_date
    from sold
    left join listed on sold.product_key = listed.product_key
    left join listed_names on lower(sold.product_id) = listed_names.product_name
    where listed.product_key is null and listed_names.product_name is null
    union all
    select
        'unknown' as product_key,
        'unknown' as product_id,
        'unknown' as product_name,
        'unknown' as product_category,
        null as list_price_amount,
        null as unit_cost_amount,
        false as is_subscription,
        false as is_active,
        false as is_inferred,
        null as launched_date,
        null as discontinued_date,
        false as is_deleted,
        null as deleted_date

)

select * from final

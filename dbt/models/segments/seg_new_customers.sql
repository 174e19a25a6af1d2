{#- Grain: one row per customer won lately who kept something of it. -#}

with parameters as (

    select * from {{ ref('dim_parameters') }}

),

new_customers as (

    select * from {{ ref('kpi_new_customers') }}

),

customers as (

    select * from {{ ref('dim_customers') }}
    where is_current and not is_deleted

),

customer_values as (

    select * from {{ ref('kpi_customer_lifetime_value') }}
    where revenue_amount > refund_amount

),

order_lines as (

    select * from {{ ref('fct_order_lines') }}
    where is_countable

),

owned_products as (

    select * from {{ ref('kpi_owned_products') }}

),

products as (

    select * from {{ ref('dim_products') }}

),

-- What the welcome is about: of the first day's purchases the most expensive one that was not given
-- back. Rows multiply by the lines of that day.
first_products as (

    select
        new_customers.customer_key,
        products.product_key,
        products.product_name
    from new_customers
    inner join order_lines
        on
            new_customers.customer_key = order_lines.customer_key
            and new_customers.acquired_date = order_lines.order_date
    inner join owned_products
        on
            order_lines.customer_key = owned_products.customer_key
            and order_lines.product_key = owned_products.product_key
    inner join products on order_lines.product_key = products.product_key
    qualify
        row_number() over (
            partition by new_customers.customer_key
            order by order_lines.net_amount desc nulls last, products.product_key asc
        ) = 1

),

final as (

    select
        new_customers.customer_key,
        cast(
            row_number() over (
                order by
                    new_customers.acquired_date desc,
                    customer_values.revenue_amount - customer_values.refund_amount desc,
                    new_customers.customer_key asc
            ) as bigint
        ) as rank_number,
        'New since ' || cast(new_customers.acquired_date as string)
        || coalesce(', began with ' || first_products.product_name, '')
        || case
            when customer_values.order_count = 0 then ', by contract'
            when customer_values.order_count = 1 then ', 1 order so far'
            else ', ' || cast(customer_values.order_count as string) || ' orders so far'
        end as reason,
        new_customers.acquired_date,
        new_customers.acquisition_channel,
        first_products.product_key as first_product_key,
        first_products.product_name as first_product_name,
        customer_values.order_count,
        cast(customer_values.revenue_amount - customer_values.refund_amount as decimal(18, 2)) as revenue_amount
    from new_customers
    cross join parameters
    inner join customers on new_customers.customer_key = customers.customer_key
    inner join customer_values on new_customers.customer_key = customer_values.customer_key
    left join first_products on new_customers.customer_key = first_products.customer_key
    where {{ days_between('new_customers.acquired_date', 'parameters.as_of_date') }} <= parameters.onboarding_days

)

select * from final

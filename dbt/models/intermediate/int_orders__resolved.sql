{#- Grain: one row per order, with the keys its lines inherit. -#}

with orders as (

    select * from {{ ref('stg_orders') }}

),

resolved as (

    select * from {{ ref('int_identifiers__resolved') }}

),

customers as (

    select * from {{ ref('dim_customers') }}
    where is_current

),

employees as (

    select * from {{ ref('dim_employees') }}

),

campaigns as (

    select * from {{ ref('dim_campaigns') }}

),

channels as (

    select * from {{ ref('dim_channels') }}

),

opportunities as (

    select * from {{ ref('stg_opportunities') }}

),

parameters as (

    select * from {{ ref('dim_parameters') }}

),

exchange_rates as (

    select * from {{ ref('int_exchange_rates__ranged') }}

),

final as (

    select
        orders.order_key,
        customers.customer_key,
        coalesce(employees.employee_key, 'unknown') as employee_key,
        coalesce(campaigns.campaign_key, 'unknown') as campaign_key,
        coalesce(channels.channel_key, 'unknown') as channel_key,
        coalesce(opportunities.opportunity_key, 'unknown') as opportunity_key,
        orders.ordered_at,
        cast(orders.ordered_at as date) as order_date,
        cast(date_trunc('month', orders.ordered_at) as date) as month,
        orders.order_status,
        orders.order_status = 'cancelled' as is_cancelled,
        coalesce(orders.is_test, false) or customers.is_test as is_test,
        orders.is_deleted,
        exchange_rates.rate
    from orders
    cross join parameters
    inner join resolved on orders.identity_key = resolved.identity_key
    inner join customers on resolved.customer_key = customers.customer_key
    left join employees on {{ surrogate_key(['orders.employee_id']) }} = employees.employee_key
    left join campaigns on {{ surrogate_key(['orders.campaign_id']) }} = campaigns.campaign_key
    left join channels on orders.sales_channel = channels.channel
    left join opportunities
        on {{ surrogate_key(['orders.source_system', 'orders.opportunity_id']) }} = opportunities.opportunity_key
    left join exchange_rates
        on
            coalesce(orders.currency_code, parameters.reporting_currency) = exchange_rates.currency_code
            and cast(orders.ordered_at as date) >= exchange_rates.valid_from
            and cast(orders.ordered_at as date) < exchange_rates.valid_to

)

select * from final

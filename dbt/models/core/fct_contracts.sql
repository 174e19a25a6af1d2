{#- Grain: one row per contract. -#}

with contracts as (

    select * from {{ ref('stg_contracts') }}

),

resolved as (

    select * from {{ ref('int_identifiers__resolved') }}

),

customers as (

    select * from {{ ref('dim_customers') }}
    where is_current

),

products as (

    select * from {{ ref('dim_products') }}

),

parameters as (

    select * from {{ ref('dim_parameters') }}

),

exchange_rates as (

    select * from {{ ref('int_exchange_rates__ranged') }}

),

final as (

    select
        contracts.contract_key,
        contracts.contract_id,
        contracts.source_system,
        customers.customer_key,
        coalesce(products.product_key, 'unknown') as product_key,
        contracts.started_date,
        contracts.ended_date,
        cast(contracts.monthly_amount * exchange_rates.rate as decimal(18, 2)) as monthly_amount,
        products.unit_cost_amount as monthly_cost_amount,
        coalesce(contracts.contract_status, 'unknown') as contract_status,
        contracts.cancelled_date,
        contracts.cancel_reason,
        customers.is_test,
        contracts.is_deleted,
        exchange_rates.rate is null as has_missing_rate,
        not customers.is_test and not contracts.is_deleted as is_countable
    from contracts
    cross join parameters
    inner join resolved on contracts.identity_key = resolved.identity_key
    inner join customers on resolved.customer_key = customers.customer_key
    left join products on {{ surrogate_key(['contracts.product_id']) }} = products.product_key
    left join exchange_rates
        on
            coalesce(contracts.currency_code, parameters.reporting_currency) = exchange_rates.currency_code
            and contracts.started_date >= exchange_rates.valid_from
            and contracts.started_date < exchange_rates.valid_to

)

select * from final

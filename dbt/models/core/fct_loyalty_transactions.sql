{#- Grain: one row per movement on a member's account. -#}

with loyalty_transactions as (

    select * from {{ ref('stg_loyalty_transactions') }}

),

resolved as (

    select * from {{ ref('int_identifiers__resolved') }}

),

customers as (

    select * from {{ ref('dim_customers') }}
    where is_current

),

orders as (

    select * from {{ ref('int_orders__resolved') }}

),

campaigns as (

    select * from {{ ref('dim_campaigns') }}

),

parameters as (

    select * from {{ ref('dim_parameters') }}

),

exchange_rates as (

    select * from {{ ref('int_exchange_rates__ranged') }}

),

final as (

    select
        loyalty_transactions.loyalty_transaction_key,
        loyalty_transactions.transaction_id,
        loyalty_transactions.source_system,
        {{ surrogate_key([
            'loyalty_transactions.source_system',
            'loyalty_transactions.program_id',
            'coalesce(loyalty_transactions.account_id, loyalty_transactions.shared_id, loyalty_transactions.email)',
        ]) }} as member_key,
        coalesce(loyalty_transactions.program_id, 'unknown') as program_id,
        coalesce(customers.customer_key, 'unknown') as customer_key,
        coalesce(orders.order_key, 'unknown') as order_key,
        coalesce(campaigns.campaign_key, 'unknown') as campaign_key,
        loyalty_transactions.transaction_type,
        coalesce(loyalty_transactions.points, 0) as points,
        cast(loyalty_transactions.redemption_amount * exchange_rates.rate as decimal(18, 2)) as redemption_amount,
        coalesce(loyalty_transactions.tier, 'unknown') as tier,
        loyalty_transactions.occurred_at,
        cast(loyalty_transactions.occurred_at as date) as occurred_date,
        cast(date_trunc('month', loyalty_transactions.occurred_at) as date) as month,
        loyalty_transactions.expires_on as expires_date,
        coalesce(customers.is_test, false) as is_test,
        loyalty_transactions.is_deleted,
        exchange_rates.rate is null as has_missing_rate,
        not coalesce(customers.is_test, false) and not loyalty_transactions.is_deleted as is_countable,
        not coalesce(customers.is_test, false)
        and not loyalty_transactions.is_deleted
        and coalesce(loyalty_transactions.points, 0) <> 0 as is_balance_relevant
    from loyalty_transactions
    cross join parameters
    left join resolved on loyalty_transactions.identity_key = resolved.identity_key
    left join customers on resolved.customer_key = customers.customer_key
    left join orders
        on
            {{ surrogate_key(['loyalty_transactions.source_order_system', 'loyalty_transactions.order_id']) }}
            = orders.order_key
    left join campaigns on {{ surrogate_key(['loyalty_transactions.campaign_id']) }} = campaigns.campaign_key
    left join exchange_rates
        on
            coalesce(loyalty_transactions.currency_code, parameters.reporting_currency) = exchange_rates.currency_code
            and cast(loyalty_transactions.occurred_at as date) >= exchange_rates.valid_from
            and cast(loyalty_transactions.occurred_at as date) < exchange_rates.valid_to

)

select * from final

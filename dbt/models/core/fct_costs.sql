{#- Grain: one row per posting of a cost ledger. -#}

with cost_entries as (

    select * from {{ ref('stg_cost_entries') }}

),

cost_drivers as (

    select * from {{ ref('cost_drivers') }}

),

resolved as (

    select * from {{ ref('int_identifiers__resolved') }}

),

campaigns as (

    select * from {{ ref('dim_campaigns') }}

),

channels as (

    select * from {{ ref('dim_channels') }}

),

parameters as (

    select * from {{ ref('dim_parameters') }}

),

exchange_rates as (

    select * from {{ ref('int_exchange_rates__ranged') }}

),

-- The driver as stated; else whom the posting names bears it; else the rule of the house; else nobody is known to.
final as (

    select
        cost_entries.cost_key,
        cost_entries.entry_id,
        cost_entries.source_system,
        coalesce(resolved.customer_key, 'unknown') as customer_key,
        coalesce(campaigns.campaign_key, 'unknown') as campaign_key,
        coalesce(channels.channel_key, 'unknown') as channel_key,
        cost_entries.booked_at,
        cast(cost_entries.booked_at as date) as booked_date,
        cast(date_trunc('month', cost_entries.booked_at) as date) as month,
        cost_entries.cost_type,
        cost_entries.cost_purpose,
        coalesce(cost_entries.cost_center, 'unknown') as cost_center,
        coalesce(
            cost_entries.driver,
            case when coalesce(cost_entries.account_id, cost_entries.shared_id) is not null then 'direct' end,
            cost_drivers.driver,
            'none'
        ) as driver,
        cast(cost_entries.amount * exchange_rates.rate as decimal(18, 2)) as cost_amount,
        cost_entries.is_deleted,
        exchange_rates.rate is null as has_missing_rate
    from cost_entries
    cross join parameters
    left join cost_drivers
        on
            cost_entries.cost_type = cost_drivers.cost_type
            and cost_entries.cost_purpose = cost_drivers.cost_purpose
    left join resolved on cost_entries.identity_key = resolved.identity_key
    left join campaigns on {{ surrogate_key(['cost_entries.campaign_id']) }} = campaigns.campaign_key
    left join channels on coalesce(cost_entries.channel, campaigns.channel) = channels.channel
    left join exchange_rates
        on
            coalesce(cost_entries.currency_code, parameters.reporting_currency) = exchange_rates.currency_code
            and cast(cost_entries.booked_at as date) >= exchange_rates.valid_from
            and cast(cost_entries.booked_at as date) < exchange_rates.valid_to

)

select * from final

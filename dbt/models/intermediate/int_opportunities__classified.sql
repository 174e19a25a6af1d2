{#- Grain: one row per opportunity, with its outcome and customer. -#}

with opportunities as (

    select * from {{ ref('stg_opportunities') }}

),

opportunity_stages as (

    select * from {{ ref('opportunity_stages') }}

),

resolved as (

    select * from {{ ref('int_identifiers__resolved') }}

),

parameters as (

    select * from {{ ref('dim_parameters') }}

),

exchange_rates as (

    select * from {{ ref('int_exchange_rates__ranged') }}

),

-- What the source says itself goes before the seed; won implies closed.
judged as (

    select
        opportunities.opportunity_key,
        opportunity_stages.stage_order,
        coalesce(opportunities.is_won, opportunity_stages.is_won, false) as is_won,
        coalesce(opportunities.is_closed, opportunity_stages.is_closed, false)
        or coalesce(opportunities.is_won, opportunity_stages.is_won, false) as is_closed
    from opportunities
    left join opportunity_stages on lower(trim(opportunities.stage_name)) = lower(trim(opportunity_stages.stage_name))

),

final as (

    select
        opportunities.opportunity_key,
        opportunities.opportunity_id,
        opportunities.source_system,
        resolved.customer_key,
        opportunities.product_id,
        opportunities.owner_employee_id,
        opportunities.campaign_id,
        opportunities.lead_source,
        opportunities.stage_name,
        judged.stage_order,
        judged.is_closed,
        judged.is_won,
        opportunities.close_date,
        exchange_rates.rate,
        cast(opportunities.amount * exchange_rates.rate as decimal(18, 2)) as amount,
        opportunities.amount is not null and exchange_rates.rate is null as has_missing_rate,
        opportunities.created_at,
        opportunities.is_deleted,
        opportunities.merged_into_id is not null as is_merged
    from opportunities
    cross join parameters
    inner join judged on opportunities.opportunity_key = judged.opportunity_key
    inner join resolved on opportunities.identity_key = resolved.identity_key
    left join exchange_rates
        on
            coalesce(opportunities.currency_code, parameters.reporting_currency) = exchange_rates.currency_code
            and coalesce(cast(opportunities.created_at as date), parameters.as_of_date) >= exchange_rates.valid_from
            and coalesce(cast(opportunities.created_at as date), parameters.as_of_date) < exchange_rates.valid_to

)

select * from final

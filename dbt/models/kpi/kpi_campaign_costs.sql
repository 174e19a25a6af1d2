{#- Grain: one row per campaign that addressed somebody. -#}

with parameters as (

    select * from {{ ref('dim_parameters') }}

),

campaign_contacts as (

    select * from {{ ref('fct_campaign_contacts') }}
    where not is_control and not is_deleted and campaign_key <> 'unknown'

),

costs as (

    select * from {{ ref('fct_costs') }}
    where not is_deleted

),

addressed as (

    select
        campaign_contacts.campaign_key,
        count(*) as contact_count,
        cast(coalesce(sum(campaign_contacts.cost_amount), 0) as decimal(18, 2)) as contact_cost_amount
    from campaign_contacts
    cross join parameters
    where campaign_contacts.contact_date <= parameters.as_of_date
    group by campaign_contacts.campaign_key

),

booked as (

    select
        costs.campaign_key,
        cast(sum(costs.cost_amount) as decimal(18, 2)) as ledger_cost_amount
    from costs
    cross join parameters
    where costs.booked_date <= parameters.as_of_date
    group by costs.campaign_key

),

-- The ledger holds what the contacts cost, and all else besides; the two are not added.
costed as (

    select
        addressed.campaign_key,
        addressed.contact_count,
        addressed.contact_cost_amount,
        booked.ledger_cost_amount,
        coalesce(booked.ledger_cost_amount, addressed.contact_cost_amount) as cost_amount
    from addressed
    left join booked on addressed.campaign_key = booked.campaign_key

),

final as (

    select
        *,
        cast({{ rounded('cast(cost_amount as double) / contact_count', 8) }} as decimal(18, 8)) as cost_per_contact
    from costed

)

select * from final

{#- Grain: one row per pool of costs that are spread the same way, and customer who bears a part of it. -#}
{{ config(materialized='view') }}

with costs as (

    select * from {{ ref('fct_costs') }}
    where not is_deleted

),

loyalty_transactions as (

    select * from {{ ref('fct_loyalty_transactions') }}
    where is_countable

),

bases as (

    select * from {{ ref('int_costs__based') }}

),

-- The ledger is right about rewards where it says anything about loyalty; for other months they count at the cost of redemption.
silent_months as (

    select month from loyalty_transactions
    except
    select month from costs
    where cost_type = 'loyalty'

),

booked as (

    select
        month,
        cost_type,
        cost_purpose,
        driver,
        campaign_key,
        customer_key,
        cost_amount
    from costs
    union all
    select
        loyalty_transactions.month,
        'loyalty' as cost_type,
        'retention' as cost_purpose,
        'redemptions' as driver,
        loyalty_transactions.campaign_key,
        loyalty_transactions.customer_key,
        loyalty_transactions.redemption_amount as cost_amount
    from loyalty_transactions
    inner join silent_months on loyalty_transactions.month = silent_months.month

),

pooled as (

    select
        month,
        cost_type,
        cost_purpose,
        driver,
        case when driver = 'campaign_contacts' and campaign_key <> 'unknown' then campaign_key else 'all' end as basis_campaign_key,
        case when driver in ('direct', 'redemptions') then customer_key else 'unknown' end as customer_key,
        sum(cost_amount) as pool_amount
    from booked
    group by all

),

available as (

    select
        driver,
        basis_month,
        basis_campaign_key,
        sum(weight) as total_weight
    from bases
    group by driver, basis_month, basis_campaign_key

),

-- A campaign that is paid in a month in which it reached nobody is borne by all it ever reached.
based as (

    select
        {{ surrogate_key([
            'pooled.month', 'pooled.cost_type', 'pooled.cost_purpose', 'pooled.driver', 'pooled.basis_campaign_key', 'pooled.customer_key',
        ]) }} as pool_key,
        pooled.*,
        coalesce(in_month.basis_month, at_any_time.basis_month) as basis_month,
        coalesce(in_month.total_weight, at_any_time.total_weight) as total_weight
    from pooled
    left join available as in_month
        on
            pooled.driver = in_month.driver
            and pooled.month = in_month.basis_month
            and pooled.basis_campaign_key = in_month.basis_campaign_key
    left join available as at_any_time
        on
            at_any_time.basis_month = date '1900-01-01'
            and pooled.basis_campaign_key = at_any_time.basis_campaign_key
    where pooled.pool_amount <> 0

),

-- Rows multiply on purpose: that is the allocation. A pool without any basis stays one row, with its customer or the unknown one.
final as (

    select
        based.pool_key,
        based.month,
        based.cost_type,
        based.cost_purpose,
        based.driver,
        coalesce(bases.customer_key, based.customer_key) as customer_key,
        cast(based.pool_amount as decimal(18, 2)) as pool_amount,
        cast(coalesce(bases.weight, 1) as decimal(18, 0)) as weight,
        cast(coalesce(based.total_weight, 1) as decimal(18, 0)) as total_weight
    from based
    left join bases
        on
            based.driver = bases.driver
            and based.basis_month = bases.basis_month
            and based.basis_campaign_key = bases.basis_campaign_key

)

select * from final

{#- Grain: one row per driver, month, campaign and customer: how much of a driver the customer caused. -#}

with customer_months as (

    select * from {{ ref('int_customer_months__counted') }}

),

order_lines as (

    select * from {{ ref('fct_order_lines') }}
    where is_countable

),

tickets as (

    select * from {{ ref('fct_tickets') }}
    where is_countable

),

campaign_contacts as (

    select * from {{ ref('fct_campaign_contacts') }}
    where not is_control and not is_deleted

),

loyalty_transactions as (

    select * from {{ ref('fct_loyalty_transactions') }}
    where is_balance_relevant and transaction_type = 'earn'

),

-- What somebody unknown caused stays with the unknown customer: it is nobody else's.
caused as (

    select
        'customers' as driver,
        month as basis_month,
        'all' as basis_campaign_key,
        customer_key,
        cast(1 as decimal(18, 2)) as weight
    from customer_months
    where is_active
    union all
    select
        'orders' as driver,
        month as basis_month,
        'all' as basis_campaign_key,
        customer_key,
        cast(count(distinct order_key) as decimal(18, 2)) as weight
    from order_lines
    group by month, customer_key
    union all
    select
        'revenue' as driver,
        month as basis_month,
        'all' as basis_campaign_key,
        customer_key,
        net_amount as weight
    from order_lines
    union all
    select
        'revenue' as driver,
        month as basis_month,
        'all' as basis_campaign_key,
        customer_key,
        contract_amount as weight
    from customer_months
    union all
    select
        'service_contacts' as driver,
        cast(date_trunc('month', created_at) as date) as basis_month,
        'all' as basis_campaign_key,
        customer_key,
        cast(1 as decimal(18, 2)) as weight
    from tickets
    union all
    select
        'points' as driver,
        month as basis_month,
        'all' as basis_campaign_key,
        customer_key,
        cast(points as decimal(18, 2)) as weight
    from loyalty_transactions
    union all
    -- Of all campaigns in the month, of a campaign in the month, and of a campaign at any time.
    select
        'campaign_contacts' as driver,
        case when grouping(contact_month) = 0 then contact_month else date '1900-01-01' end as basis_month,
        case when grouping(campaign_key) = 0 then campaign_key else 'all' end as basis_campaign_key,
        customer_key,
        cast(count(*) as decimal(18, 2)) as weight
    from (
        select
            *,
            cast(date_trunc('month', contact_date) as date) as contact_month
        from campaign_contacts
    ) as dated_contacts
    group by grouping sets ((contact_month, customer_key), (contact_month, campaign_key, customer_key), (campaign_key, customer_key))

),

final as (

    select
        driver,
        basis_month,
        basis_campaign_key,
        customer_key,
        cast(sum(weight) * 100 as decimal(18, 0)) as weight
    from caused
    group by driver, basis_month, basis_campaign_key, customer_key
    having sum(weight) > 0

)

select * from final

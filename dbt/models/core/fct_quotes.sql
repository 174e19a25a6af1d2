{#- Grain: one row per version of a quote. -#}

with quotes as (

    select * from {{ ref('stg_quotes') }}

),

resolved as (

    select * from {{ ref('int_identifiers__resolved') }}

),

customers as (

    select * from {{ ref('dim_customers') }}
    where is_current

),

opportunities as (

    select * from {{ ref('int_opportunities__classified') }}

),

orders as (

    select * from {{ ref('int_orders__resolved') }}

),

employees as (

    select * from {{ ref('dim_employees') }}

),

parameters as (

    select * from {{ ref('dim_parameters') }}

),

exchange_rates as (

    select * from {{ ref('int_exchange_rates__ranged') }}

),

-- A quote may name a deal of another system, as long as only one system has such an id.
distinct_opportunities as (

    select
        opportunity_id,
        min(opportunity_key) as opportunity_key
    from opportunities
    group by opportunity_id
    having count(*) = 1

),

linked as (

    select
        quotes.quote_key,
        quotes.quote_status <> 'draft' as is_sent,
        coalesce(own_opportunities.opportunity_key, distinct_opportunities.opportunity_key, 'unknown') as opportunity_key,
        coalesce(cast(quotes.issued_at as date), cast(quotes.created_at as date), parameters.as_of_date) as priced_date
    from quotes
    cross join parameters
    left join opportunities as own_opportunities
        on {{ surrogate_key(['quotes.source_system', 'quotes.opportunity_id']) }} = own_opportunities.opportunity_key
    left join distinct_opportunities on quotes.opportunity_id = distinct_opportunities.opportunity_id

),

final as (

    select
        quotes.quote_key,
        quotes.quote_id,
        coalesce(quotes.quote_number, quotes.quote_id) as quote_number,
        quotes.source_system,
        customers.customer_key,
        linked.opportunity_key,
        coalesce(orders.order_key, 'unknown') as order_key,
        coalesce(employees.employee_key, 'unknown') as employee_key,
        coalesce(employees.team, 'unknown') as team,
        customers.customer_segment,
        coalesce(customers.region, 'unknown') as region,
        coalesce(quotes.quote_version, 1) as quote_version,
        quotes.quote_status,
        cast(quotes.quoted_amount * exchange_rates.rate as decimal(18, 2)) as quoted_amount,
        cast(quotes.discount_amount * exchange_rates.rate as decimal(18, 2)) as discount_amount,
        quotes.issued_at,
        cast(quotes.issued_at as date) as issued_date,
        quotes.valid_until,
        quotes.decided_at,
        cast(quotes.decided_at as date) as decided_date,
        -- The one that counts: the last one sent, a draft only where nothing has been sent yet.
        not quotes.is_deleted
        and row_number() over (
            partition by quotes.source_system, coalesce(quotes.quote_number, quotes.quote_id)
            order by
                quotes.is_deleted asc, linked.is_sent desc, coalesce(quotes.quote_version, 1) desc, quotes.quote_id desc
        ) = 1 as is_latest_version,
        linked.is_sent,
        quotes.quote_status = 'accepted' as is_accepted,
        quotes.quote_status = 'declined' as is_declined,
        coalesce(not orders.is_cancelled and not orders.is_test and not orders.is_deleted, false) as is_ordered,
        case when not orders.is_cancelled and not orders.is_test and not orders.is_deleted then orders.ordered_at end as ordered_at,
        quotes.is_deleted,
        not quotes.is_deleted and not customers.is_test as is_countable,
        coalesce(quotes.quoted_amount, quotes.discount_amount) is not null and exchange_rates.rate is null as has_missing_rate
    from quotes
    cross join parameters
    inner join linked on quotes.quote_key = linked.quote_key
    left join resolved on quotes.identity_key = resolved.identity_key
    left join opportunities on linked.opportunity_key = opportunities.opportunity_key
    inner join customers
        on coalesce(nullif(resolved.customer_key, 'unknown'), opportunities.customer_key, 'unknown') = customers.customer_key
    left join orders on {{ surrogate_key(['quotes.source_system', 'quotes.order_id']) }} = orders.order_key
    left join employees on {{ surrogate_key(['quotes.employee_id']) }} = employees.employee_key
    left join exchange_rates
        on
            coalesce(quotes.currency_code, parameters.reporting_currency) = exchange_rates.currency_code
            and linked.priced_date >= exchange_rates.valid_from
            and linked.priced_date < exchange_rates.valid_to

)

select * from final

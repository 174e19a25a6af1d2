{#- Grain: one row per customer and month, from the first order or contract to the month of the run. -#}

with order_lines as (

    select * from {{ ref('fct_order_lines') }}
    where is_countable and customer_key <> 'unknown'

),

returns as (

    select * from {{ ref('fct_returns') }}
    where is_countable and customer_key <> 'unknown'

),

contract_months as (

    select * from {{ ref('int_contracts__spread') }}

),

tickets as (

    select * from {{ ref('fct_tickets') }}
    where is_countable and customer_key <> 'unknown'

),

dates as (

    select * from {{ ref('dim_date') }}

),

parameters as (

    select * from {{ ref('dim_parameters') }}

),

ordered as (

    select
        customer_key,
        month,
        count(distinct order_key) as order_count,
        sum(net_amount) as revenue_amount,
        sum(margin_amount) as margin_amount,
        max(order_date) as last_order_date
    from order_lines
    group by all

),

returned as (

    select
        customer_key,
        month,
        sum(refund_amount) as refund_amount,
        sum(returned_cost_amount) as returned_cost_amount
    from returns
    group by all

),

served as (

    select
        customer_key,
        cast(date_trunc('month', created_at) as date) as month,
        count(*) as service_contact_count
    from tickets
    where not is_outbound
    group by all

),

first_months as (

    select
        customer_key,
        min(month) as first_month
    from (
        select
            customer_key,
            month
        from ordered
        union all
        select
            customer_key,
            month
        from contract_months
    ) as active_months
    group by customer_key

),

months as (

    select
        dates.month,
        least({{ date_plus(date_plus('dates.month', 1, 'month'), -1) }}, parameters.as_of_date) as last_day
    from dates
    cross join parameters
    where dates.date_day = dates.month and dates.month <= parameters.as_of_month

),

spine as (

    select
        first_months.customer_key,
        months.month,
        months.last_day
    from first_months
    inner join months on first_months.first_month <= months.month

),

filled as (

    select
        spine.customer_key,
        spine.month,
        spine.last_day,
        coalesce(ordered.order_count, 0) as order_count,
        coalesce(ordered.revenue_amount, 0) as revenue_amount,
        coalesce(ordered.margin_amount, 0) as margin_amount,
        coalesce(returned.refund_amount, 0) as refund_amount,
        coalesce(returned.returned_cost_amount, 0) as returned_cost_amount,
        coalesce(contract_months.contract_amount, 0) as contract_amount,
        coalesce(contract_months.contract_margin_amount, 0) as contract_margin_amount,
        coalesce(contract_months.active_contract_count, 0) as active_contract_count,
        coalesce(contract_months.is_active_start, false) as is_active_contract_start,
        coalesce(served.service_contact_count, 0) as service_contact_count,
        max(ordered.last_order_date) over (
            partition by spine.customer_key
            order by spine.month
            rows between unbounded preceding and current row
        ) as last_order_date
    from spine
    left join ordered on spine.customer_key = ordered.customer_key and spine.month = ordered.month
    left join returned on spine.customer_key = returned.customer_key and spine.month = returned.month
    left join contract_months on spine.customer_key = contract_months.customer_key and spine.month = contract_months.month
    left join served on spine.customer_key = served.customer_key and spine.month = served.month

),

final as (

    select
        {{ surrogate_key(['customer_key', 'month']) }} as customer_month_key,
        customer_key,
        month,
        order_count,
        cast(revenue_amount as decimal(18, 2)) as revenue_amount,
        cast(margin_amount as decimal(18, 2)) as margin_amount,
        cast(refund_amount as decimal(18, 2)) as refund_amount,
        cast(returned_cost_amount as decimal(18, 2)) as returned_cost_amount,
        cast(contract_amount as decimal(18, 2)) as contract_amount,
        cast(contract_margin_amount as decimal(18, 2)) as contract_margin_amount,
        active_contract_count,
        is_active_contract_start,
        service_contact_count,
        last_order_date,
        greatest({{ days_between('last_order_date', 'last_day') }}, 0) as days_since_last_order
    from filled

)

select * from final

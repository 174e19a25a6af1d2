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

spanned as (

    select * from {{ ref('int_customers__spanned') }}

),

parameters as (

    select * from {{ ref('dim_parameters') }}

),

tickets as (

    select * from {{ ref('fct_tickets') }}
    where is_countable and customer_key <> 'unknown'

),

ordered as (

    select
        customer_key,
        month,
        count(distinct order_key) as order_count,
        sum(net_amount) as revenue_amount,
        sum(margin_amount) as margin_amount
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

filled as (

    select
        spanned.customer_month_key,
        spanned.customer_key,
        spanned.month,
        spanned.last_order_date,
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
        least({{ date_plus(date_plus('spanned.month', 1, 'month'), -1) }}, parameters.as_of_date) as last_day
    from spanned
    cross join parameters
    left join ordered on spanned.customer_key = ordered.customer_key and spanned.month = ordered.month
    left join returned on spanned.customer_key = returned.customer_key and spanned.month = returned.month
    left join contract_months on spanned.customer_key = contract_months.customer_key and spanned.month = contract_months.month
    left join served on spanned.customer_key = served.customer_key and spanned.month = served.month

),

dated as (

    select
        customer_month_key,
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
        -- An order of the day after the run, where a file knows it already, is no days ago; greatest() alone would make null 0.
        case
            when last_order_date is not null then greatest({{ days_between('last_order_date', 'last_day') }}, 0)
        end as days_since_last_order
    from filled

),

final as (

    select
        dated.*,
        coalesce(dated.days_since_last_order < parameters.churn_window_days, false) or dated.active_contract_count > 0 as is_active
    from dated
    cross join parameters

)

select * from final

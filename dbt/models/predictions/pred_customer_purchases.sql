{#- Grain: one row per day from which customers are profiled and customer who had bought something or had a contract by then. -#}

with windows as (

    select * from {{ ref('pred_profile_windows') }}

),

channels as (

    select * from {{ ref('dim_channels') }}

),

order_lines as (

    select * from {{ ref('fct_order_lines') }}
    where is_countable

),

contributions as (

    select * from {{ ref('kpi_customer_contributions') }}

),

contracts as (

    select * from {{ ref('fct_contracts') }}
    where is_countable

),

ordered as (

    select
        windows.purpose,
        order_lines.customer_key,
        count(distinct order_lines.order_key) as order_count,
        count(distinct order_lines.order_key) filter (where channels.channel_group = 'digital') as digital_order_count,
        count(distinct order_lines.order_key) filter (where channels.channel_group = 'store') as store_order_count,
        count(distinct order_lines.order_key) filter (where channels.channel_group = 'personal') as personal_order_count,
        sum(order_lines.net_amount) as net_amount,
        sum(order_lines.discount_amount) as discount_amount,
        max(order_lines.order_date) as last_order_date
    from order_lines
    inner join windows on order_lines.order_date between windows.from_date and windows.through_date
    inner join channels on order_lines.channel_key = channels.channel_key
    group by all

),

-- Since the first day ever; money of the window, and what followed it up to the day the back-test watches.
contributed as (

    select
        windows.purpose,
        contributions.customer_key,
        min(contributions.contribution_date) filter (where contributions.contribution_date <= windows.through_date) as first_date,
        sum(contributions.refund_amount) filter (
            where contributions.contribution_date between windows.from_date and windows.through_date
        ) as refund_amount,
        sum(contributions.contribution_amount) filter (
            where contributions.contribution_date between windows.from_date and windows.through_date
        ) as margin_amount,
        sum(contributions.contribution_amount) filter (
            where contributions.contribution_date > windows.through_date
        ) as following_margin_amount
    from contributions
    inner join windows on contributions.contribution_date <= windows.until_date
    group by all

),

under_contract as (

    select
        windows.purpose,
        contracts.customer_key
    from contracts
    inner join windows
        on
            contracts.started_date <= windows.through_date
            and coalesce(contracts.ended_date, windows.through_date) >= windows.through_date
    group by all

),

final as (

    select
        {{ surrogate_key(['contributed.purpose', 'contributed.customer_key']) }} as customer_purchase_key,
        contributed.purpose,
        contributed.customer_key,
        contributed.first_date,
        ordered.last_order_date,
        cast(coalesce(ordered.order_count, 0) as bigint) as order_count,
        cast(coalesce(ordered.digital_order_count, 0) as bigint) as digital_order_count,
        cast(coalesce(ordered.store_order_count, 0) as bigint) as store_order_count,
        cast(coalesce(ordered.personal_order_count, 0) as bigint) as personal_order_count,
        cast(ordered.net_amount as decimal(18, 2)) as net_amount,
        cast(ordered.discount_amount as decimal(18, 2)) as discount_amount,
        cast(coalesce(contributed.refund_amount, 0) as decimal(18, 2)) as refund_amount,
        cast(contributed.margin_amount as decimal(18, 2)) as margin_amount,
        cast(coalesce(contributed.following_margin_amount, 0) as decimal(18, 2)) as following_margin_amount,
        under_contract.customer_key is not null as is_under_contract
    from contributed
    left join ordered
        on
            contributed.purpose = ordered.purpose
            and contributed.customer_key = ordered.customer_key
    left join under_contract
        on
            contributed.purpose = under_contract.purpose
            and contributed.customer_key = under_contract.customer_key
    where contributed.first_date is not null

)

select * from final

{#- Grain: one row per purpose, month, stream and member, from the first month with revenue to the month of the purpose's last day. -#}

with cutoffs as (

    select * from {{ ref('pred_cutoffs') }}

),

contributions as (

    select * from {{ ref('kpi_customer_contributions') }}

),

customer_months as (

    select * from {{ ref('fct_customer_months') }}
    where active_contract_count > 0

),

customers as (

    select * from {{ ref('dim_customers') }}
    where is_current

),

months as (

    select * from {{ ref('dim_date') }}
    where date_day = month

),

-- The contributions hold all that came in; what contracts brought is known apart. So the two streams are the whole, to the cent.
booked as (

    select
        customer_key,
        contribution_date as booked_date,
        'transactional' as revenue_stream,
        revenue_amount - refund_amount as amount
    from contributions
    union all
    select
        customer_key,
        month as booked_date,
        'transactional' as revenue_stream,
        -contract_amount as amount
    from customer_months
    union all
    select
        customer_key,
        month as booked_date,
        'recurring' as revenue_stream,
        contract_amount as amount
    from customer_months

),

by_segment as (

    select
        customers.customer_segment as member,
        booked.revenue_stream,
        booked.booked_date,
        sum(booked.amount) as amount
    from booked
    inner join customers on booked.customer_key = customers.customer_key
    group by all

),

by_member as (

    select * from by_segment
    union all
    select
        'total' as member,
        revenue_stream,
        booked_date,
        sum(amount) as amount
    from by_segment
    group by all

),

seen as (

    select
        cutoffs.purpose,
        by_member.revenue_stream,
        by_member.member,
        cast(date_trunc('month', by_member.booked_date) as date) as month,
        sum(by_member.amount) as amount
    from by_member
    inner join cutoffs on by_member.booked_date <= cutoffs.through_date
    group by all

),

members as (

    select
        purpose,
        revenue_stream,
        member,
        min(min(month)) over () as first_month
    from seen
    group by purpose, revenue_stream, member

),

-- Every month since the first of the company stands in every series, so that none is skipped for having brought nothing.
series as (

    select
        members.purpose,
        months.month,
        members.revenue_stream,
        members.member,
        {{ date_plus(date_plus('months.month', 1, 'month'), -1) }} <= cutoffs.through_date as is_complete
    from members
    inner join cutoffs on members.purpose = cutoffs.purpose
    inner join months on members.first_month <= months.month and cutoffs.through_date >= months.month

),

final as (

    select
        {{ surrogate_key(['series.purpose', 'series.month', 'series.revenue_stream', 'series.member']) }} as revenue_month_key,
        series.purpose,
        series.month,
        series.revenue_stream,
        series.member,
        series.is_complete,
        cast(coalesce(seen.amount, 0) as decimal(18, 2)) as revenue_amount
    from series
    left join seen
        on
            series.purpose = seen.purpose
            and series.month = seen.month
            and series.revenue_stream = seen.revenue_stream
            and series.member = seen.member

)

select * from final

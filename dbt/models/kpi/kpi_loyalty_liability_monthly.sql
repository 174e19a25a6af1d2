{#- Grain: one row per reading, month, dimension and member. -#}
{%- set dimensions = var('kpi_dimensions', ['customer_segment', 'programme']) %}

with parameters as (

    select * from {{ ref('dim_parameters') }}

),

loyalty_transactions as (

    select * from {{ ref('fct_loyalty_transactions') }}
    where is_countable

),

members as (

    select * from {{ ref('kpi_loyalty_members') }}

),

months as (

    select * from {{ ref('dim_date') }}
    where date_day = month

),

-- What each month adds: points to the balance, members to the programme.
moved as (

    select
        loyalty_transactions.month,
        members.customer_segment,
        members.program_id as programme,
        loyalty_transactions.points,
        0 as member_count
    from loyalty_transactions
    cross join parameters
    inner join members on loyalty_transactions.member_key = members.member_key
    where loyalty_transactions.occurred_date <= parameters.as_of_date
    union all
    select
        cast(date_trunc('month', joined_date) as date) as month,
        customer_segment,
        program_id as programme,
        0 as points,
        1 as member_count
    from members
    union all
    select
        cast(date_trunc('month', left_date) as date) as month,
        customer_segment,
        program_id as programme,
        0 as points,
        -1 as member_count
    from members
    where left_date is not null

),

summed as (

    select
        month,
        case
            {%- for dimension in dimensions %}
            when grouping({{ dimension }}) = 0 then '{{ dimension }}'
            {%- endfor %}
            else 'total'
        end as dimension,
        coalesce({{ dimensions | join(', ') }}, 'total') as member,
        sum(points) as points,
        sum(member_count) as member_count
    from moved
    group by grouping sets (
        (month)
        {%- for dimension in dimensions %}, (month, {{ dimension }}){% endfor %}
    )

),

grown as (

    select
        months.month,
        summed.dimension,
        summed.member,
        cast(sum(summed.points) as bigint) as outstanding_points,
        sum(summed.member_count) as member_count
    from summed
    cross join parameters
    inner join months on summed.month <= months.month and parameters.as_of_month >= months.month
    group by all

),

-- What a point cost lately: rewards redeemed in the twelve months up to the month.
redeemed as (

    select
        months.month,
        {{ safe_ratio('sum(loyalty_transactions.redemption_amount)', 'sum(-loyalty_transactions.points)') }} as point_cost
    from loyalty_transactions
    inner join months
        on
            loyalty_transactions.month <= months.month
            and {{ date_plus('loyalty_transactions.month', 12, 'month') }} > months.month
    where loyalty_transactions.transaction_type = 'redeem' and loyalty_transactions.redemption_amount is not null
    group by months.month

),

priced as (

    select
        grown.*,
        cast(
            {{ rounded('coalesce(redeemed.point_cost, parameters.loyalty_point_cost_amount)', 4) }} as decimal(18, 4)
        ) as point_cost_amount,
        redeemed.point_cost is not null as is_point_cost_observed,
        grown.month < parameters.as_of_month as is_final
    from grown
    cross join parameters
    left join redeemed on grown.month = redeemed.month

),

final as (

    select
        'points_outstanding' as reading,
        month,
        dimension,
        member,
        cast(outstanding_points * point_cost_amount as decimal(18, 4)) as numerator,
        cast(member_count as decimal(18, 2)) as denominator,
        {{ safe_ratio('outstanding_points * point_cost_amount', 'member_count') }} as value,
        'currency' as unit,
        outstanding_points,
        point_cost_amount,
        is_point_cost_observed,
        is_final
    from priced

)

select * from final

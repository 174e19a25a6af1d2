{#- Grain: one row per reading, month, dimension and member. -#}
{%- set dimensions = var('kpi_dimensions', ['team', 'employee']) -%}

with parameters as (

    select * from {{ ref('dim_parameters') }}

),

opportunities as (

    select * from {{ ref('kpi_opportunities') }}
    where is_won and closed_month is not null

),

employees as (

    select * from {{ ref('dim_employees') }}

),

sales_quotas as (

    select * from {{ ref('sales_quotas') }}

),

months as (

    select * from {{ ref('dim_date') }}
    where date_day = month

),

-- A quota holds until the next one of the same employee; one of 0 ends it.
quotas as (

    select
        employee_id,
        quota_amount,
        cast(date_trunc('month', valid_from) as date) as first_month,
        lead(cast(date_trunc('month', valid_from) as date), 1, date '9999-12-31') over (
            partition by employee_id
            order by valid_from
        ) as next_month
    from sales_quotas

),

booked as (

    select
        opportunities.closed_month as month,
        opportunities.employee,
        opportunities.team,
        coalesce(opportunities.amount, 0) as won_amount,
        0 as quota_amount
    from opportunities
    union all
    select
        months.month,
        quotas.employee_id as employee,
        coalesce(employees.team, 'unknown') as team,
        0 as won_amount,
        quotas.quota_amount
    from quotas
    cross join parameters
    inner join months
        on quotas.first_month <= months.month and quotas.next_month > months.month and parameters.as_of_month >= months.month
    left join employees on quotas.employee_id = employees.employee_id
    where quotas.quota_amount > 0

),

-- What somebody without a quota won is shown, but attains nothing: in team and total it would only flatter the others.
attained as (

    select
        month,
        employee,
        team,
        sum(won_amount) as won_amount,
        sum(quota_amount) as quota_amount,
        case when sum(quota_amount) > 0 then sum(won_amount) else 0 end as attained_amount
    from booked
    group by all

),

counted as (

    select
        month,
        case
            {%- for dimension in dimensions %}
            when grouping({{ dimension }}) = 0 then '{{ dimension }}'
            {%- endfor %}
            else 'total'
        end as dimension,
        coalesce({{ dimensions | join(', ') }}, 'total') as member,
        sum(attained_amount) as attained_amount,
        sum(quota_amount) as quota_amount,
        sum(won_amount) as won_amount
    from attained
    group by grouping sets (
        (month)
        {%- for dimension in dimensions %}, (month, {{ dimension }}){% endfor %}
    )

),

with_empty_months as (

    select * from counted
    union all
    select
        months.month,
        'total' as dimension,
        'total' as member,
        0 as attained_amount,
        0 as quota_amount,
        0 as won_amount
    from months
    cross join parameters
    where months.month >= (select min(attained.month) from attained) and months.month <= parameters.as_of_month

),

final as (

    select
        'attainment' as reading,
        with_empty_months.month,
        with_empty_months.dimension,
        with_empty_months.member,
        cast(sum(with_empty_months.attained_amount) as decimal(18, 2)) as numerator,
        cast(sum(with_empty_months.quota_amount) as decimal(18, 2)) as denominator,
        {{ safe_ratio('sum(with_empty_months.attained_amount)', 'sum(with_empty_months.quota_amount)') }} as value,
        'rate' as unit,
        cast(sum(with_empty_months.won_amount) as decimal(18, 2)) as won_amount,
        with_empty_months.month < parameters.as_of_month as is_final
    from with_empty_months
    cross join parameters
    group by with_empty_months.month, with_empty_months.dimension, with_empty_months.member, parameters.as_of_month

)

select * from final

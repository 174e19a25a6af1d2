{#- Grain: one row per reading, month, dimension and member. -#}
{%- set dimensions = var('kpi_dimensions', ['customer_segment', 'customer_type', 'region', 'acquisition_channel', 'abc_class']) -%}

with parameters as (

    select * from {{ ref('dim_parameters') }}

),

contributions as (

    select * from {{ ref('kpi_customer_contributions') }}

),

customer_values as (

    select * from {{ ref('kpi_customer_lifetime_value') }}

),

months as (

    select * from {{ ref('dim_date') }}
    where date_day = month

),

-- A customer is counted from the first month in which the margin of something is known.
valued as (

    select
        {%- for dimension in dimensions %}
        customer_values.{{ dimension }},
        {%- endfor %}
        'historic' as reading,
        contributions.month,
        contributions.contribution_amount as amount,
        case
            when row_number() over (partition by contributions.customer_key order by contributions.contribution_date) = 1 then 1
            else 0
        end as customer_count
    from contributions
    inner join customer_values on contributions.customer_key = customer_values.customer_key
    where contributions.contribution_amount is not null
    union all
    select
        {%- for dimension in dimensions %}
        customer_values.{{ dimension }},
        {%- endfor %}
        'predicted' as reading,
        parameters.as_of_month as month,
        customer_values.predicted_clv_amount as amount,
        1 as customer_count
    from customer_values
    cross join parameters
    where customer_values.predicted_clv_amount is not null

),

summed as (

    select
        reading,
        month,
        case
            {%- for dimension in dimensions %}
            when grouping({{ dimension }}) = 0 then '{{ dimension }}'
            {%- endfor %}
            else 'total'
        end as dimension,
        coalesce({{ dimensions | join(', ') }}, 'total') as member,
        sum(amount) as amount,
        sum(customer_count) as customer_count
    from valued
    group by grouping sets (
        (reading, month)
        {%- for dimension in dimensions %}, (reading, month, {{ dimension }}){% endfor %}
    )

),

members as (

    select
        reading,
        dimension,
        member,
        min(month) as first_month
    from summed
    group by all

),

-- The value so far: every month from the first on, those without a movement included.
grown as (

    select
        members.reading,
        months.month,
        members.dimension,
        members.member,
        sum(coalesce(summed.amount, 0)) over (
            partition by members.reading, members.dimension, members.member
            order by months.month
            rows between unbounded preceding and current row
        ) as amount,
        sum(coalesce(summed.customer_count, 0)) over (
            partition by members.reading, members.dimension, members.member
            order by months.month
            rows between unbounded preceding and current row
        ) as customer_count
    from members
    cross join parameters
    inner join months on members.first_month <= months.month and parameters.as_of_month >= months.month
    left join summed
        on
            members.reading = summed.reading
            and months.month = summed.month
            and members.dimension = summed.dimension
            and members.member = summed.member

),

final as (

    select
        grown.reading,
        grown.month,
        grown.dimension,
        grown.member,
        cast(grown.amount as decimal(18, 2)) as numerator,
        cast(grown.customer_count as decimal(18, 2)) as denominator,
        {{ safe_ratio('grown.amount', 'grown.customer_count') }} as value,
        'currency' as unit,
        grown.month < parameters.as_of_month as is_final
    from grown
    cross join parameters

)

select * from final

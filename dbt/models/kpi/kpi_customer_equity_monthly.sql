{#- Grain: one row per reading, month, dimension and member. -#}
{%- set dimensions = var('kpi_dimensions', ['customer_segment', 'customer_type', 'region', 'acquisition_channel', 'abc_class']) -%}

with parameters as (

    select * from {{ ref('dim_parameters') }}

),

customer_values as (

    select * from {{ ref('kpi_customer_lifetime_value') }}

),

value_classes as (

    select * from {{ ref('kpi_value_classes_monthly') }}

),

concentration as (

    select * from {{ ref('kpi_margin_concentration') }}

),

equity as (

    select
        case
            {%- for dimension in dimensions %}
            when grouping({{ dimension }}) = 0 then '{{ dimension }}'
            {%- endfor %}
            else 'total'
        end as dimension,
        coalesce({{ dimensions | join(', ') }}, 'total') as member,
        sum(predicted_clv_amount) as amount
    from customer_values
    group by grouping sets (
        ()
        {%- for dimension in dimensions %}, ({{ dimension }}){% endfor %}
    )

),

-- A loss counts as nothing, since a share cannot be negative. The order among customers of the same margin changes nothing in the sum.
ranked as (

    select
        month,
        greatest(margin_12m_amount, 0) as margin_amount,
        row_number() over (partition by month order by margin_12m_amount, customer_key) as margin_rank,
        count(*) over (partition by month) as customer_count
    from value_classes
    where is_active_12m

),

inequality as (

    select
        month,
        cast(
            {{ rounded(safe_ratio('sum((2 * margin_rank - customer_count - 1) * margin_amount)', 'min(customer_count)'), 2) }}
            as decimal(18, 2)
        ) as difference_amount
    from ranked
    group by month

),

-- Every month end has a row, also one at which nobody had bought anything for a year.
curves as (

    select
        concentration.month,
        coalesce(inequality.difference_amount, 0) as difference_amount,
        concentration.positive_margin_amount as top_decile_amount,
        concentration.total_margin_amount as margin_amount
    from concentration
    left join inequality on concentration.month = inequality.month
    where concentration.decile = 1

),

stated as (

    select
        'customer_equity' as reading,
        parameters.as_of_month as month,
        equity.dimension,
        equity.member,
        'currency' as unit,
        coalesce(equity.amount, 0) as numerator,
        cast(null as decimal(18, 2)) as denominator
    from equity
    cross join parameters
    union all
    select
        'gini' as reading,
        month,
        'total' as dimension,
        'total' as member,
        'rate' as unit,
        difference_amount as numerator,
        margin_amount as denominator
    from curves
    union all
    select
        'top_decile_share' as reading,
        month,
        'total' as dimension,
        'total' as member,
        'rate' as unit,
        top_decile_amount as numerator,
        margin_amount as denominator
    from curves

),

final as (

    select
        stated.reading,
        stated.month,
        stated.dimension,
        stated.member,
        cast(stated.numerator as decimal(18, 2)) as numerator,
        cast(stated.denominator as decimal(18, 2)) as denominator,
        case
            when stated.reading = 'customer_equity' then cast(stated.numerator as double)
            else {{ safe_ratio('stated.numerator', 'stated.denominator') }}
        end as value,
        stated.unit,
        stated.month < parameters.as_of_month as is_final
    from stated
    cross join parameters

)

select * from final

{#- Grain: one row per reading, month of the answer, dimension and member. -#}
{%- set dimensions = var('kpi_dimensions', ['score_band', 'customer_segment', 'region', 'abc_class']) -%}

with parameters as (

    select * from {{ ref('dim_parameters') }}

),

outcomes as (

    select * from {{ ref('kpi_satisfaction_outcomes') }}

),

months as (

    select * from {{ ref('dim_date') }}
    where date_day = month

),

readings as (

    select 'churn' as reading
    union all
    select 'margin' as reading

),

-- Only who was still active can be lost; everybody can earn us something.
counted as (

    select
        readings.reading,
        outcomes.month,
        case
            {%- for dimension in dimensions %}
            when grouping(outcomes.{{ dimension }}) = 0 then '{{ dimension }}'
            {%- endfor %}
            else 'total'
        end as dimension,
        coalesce({% for dimension in dimensions %}outcomes.{{ dimension }}, {% endfor %}'total') as member,
        sum(
            case
                when not outcomes.is_mature then 0
                when readings.reading = 'margin' then outcomes.margin_amount
                when outcomes.is_churned then 1
                else 0
            end
        ) as outcome,
        count(*) filter (where outcomes.is_mature) as customer_count,
        count(*) filter (where not outcomes.is_mature) as immature_count
    from outcomes
    inner join readings on readings.reading = 'margin' or outcomes.is_active
    group by grouping sets (
        (readings.reading, outcomes.month)
        {%- for dimension in dimensions %}, (readings.reading, outcomes.month, outcomes.{{ dimension }}){% endfor %}
    )

),

with_empty_months as (

    select * from counted
    union all
    select
        readings.reading,
        months.month,
        'total' as dimension,
        'total' as member,
        0 as outcome,
        0 as customer_count,
        0 as immature_count
    from months
    cross join readings
    cross join parameters
    where months.month >= (select min(counted.month) from counted) and months.month <= parameters.as_of_month

),

summed as (

    select
        reading,
        month,
        dimension,
        member,
        cast(sum(outcome) as decimal(18, 2)) as numerator,
        cast(sum(customer_count) as decimal(18, 2)) as denominator,
        cast(sum(immature_count) as bigint) as immature_count
    from with_empty_months
    group by reading, month, dimension, member

),

final as (

    select
        summed.reading,
        summed.month,
        summed.dimension,
        summed.member,
        summed.numerator,
        summed.denominator,
        {{ safe_ratio('summed.numerator', 'summed.denominator') }} as value,
        case when summed.reading = 'churn' then 'rate' else 'currency' end as unit,
        summed.immature_count,
        summed.month < parameters.as_of_month and summed.immature_count = 0 as is_final
    from summed
    cross join parameters

)

select * from final

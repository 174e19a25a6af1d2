{#- Grain: one row per reading, month, dimension and member. -#}
{%- set dimensions = var('kpi_dimensions', ['occasion', 'customer_segment', 'region', 'abc_class', 'team', 'channel']) -%}

with parameters as (

    select * from {{ ref('dim_parameters') }}

),

answers as (

    select * from {{ ref('kpi_survey_answers') }}
    where instrument = 'ces'

),

months as (

    select * from {{ ref('dim_date') }}
    where date_day = month

),

readings as (

    select 'easy' as reading

),

counted as (

    select
        readings.reading,
        answers.month,
        case
            {%- for dimension in dimensions %}
            when grouping(answers.{{ dimension }}) = 0 then '{{ dimension }}'
            {%- endfor %}
            else 'total'
        end as dimension,
        coalesce({% for dimension in dimensions %}answers.{{ dimension }}, {% endfor %}'total') as member,
        count(*) filter (where answers.answer_group = 'easy') as easy_count,
        count(*) filter (where answers.answer_group = 'neutral') as neutral_count,
        count(*) as answer_count,
        sum(answers.scale_score) as score_sum
    from answers
    cross join readings
    where answers.is_last_rating
    group by grouping sets (
        (readings.reading, answers.month)
        {%- for dimension in dimensions %}, (readings.reading, answers.month, answers.{{ dimension }}){% endfor %}
    )

),

-- Every month since the first answer has a total, so that a month without one says so.
with_empty_months as (

    select * from counted
    union all
    select
        readings.reading,
        months.month,
        'total' as dimension,
        'total' as member,
        0 as easy_count,
        0 as neutral_count,
        0 as answer_count,
        0 as score_sum
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
        cast(sum(easy_count) as decimal(18, 2)) as numerator,
        cast(sum(answer_count) as decimal(18, 2)) as denominator,
        cast(sum(neutral_count) as bigint) as neutral_count,
        sum(score_sum) as score_sum
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
        'rate' as unit,
        round({{ safe_ratio('summed.score_sum', 'summed.denominator') }}, 6) as mean_score,
        summed.neutral_count,
        cast(summed.denominator - summed.numerator - summed.neutral_count as bigint) as hard_count,
        summed.month < parameters.as_of_month as is_final
    from summed
    cross join parameters

)

select * from final

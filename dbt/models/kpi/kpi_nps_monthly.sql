{#- Grain: one row per reading, month, dimension and member. -#}
{%- set dimensions = var('kpi_dimensions', ['occasion', 'customer_segment', 'region', 'abc_class', 'team', 'channel']) -%}

with parameters as (

    select * from {{ ref('dim_parameters') }}

),

answers as (

    select * from {{ ref('kpi_survey_answers') }}
    where instrument = 'nps'

),

dates as (

    select * from {{ ref('dim_date') }}
    where date_day = month

),

-- The window of a month ends with its last day, that of the open month with the day of the run.
months as (

    select
        dates.month,
        least({{ date_plus(date_plus('dates.month', 1, 'month'), -1) }}, parameters.as_of_date) as window_end_date,
        parameters.nps_window_days
    from dates
    cross join parameters
    where dates.month >= (select min(answers.month) from answers) and dates.month <= parameters.as_of_month

),

-- An answer meets every month in whose window it is the last of its respondent: rows multiply by the months of a window.
windowed as (

    select
        {%- for dimension in dimensions %}
        answers.{{ dimension }},
        {%- endfor %}
        months.month,
        answers.answer_group
    from answers
    inner join months
        on
            answers.answered_date <= months.window_end_date
            and (answers.next_answered_date is null or answers.next_answered_date > months.window_end_date)
            and {{ days_between('answers.answered_date', 'months.window_end_date') }} < months.nps_window_days

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
        count(*) filter (where answer_group = 'promoter') as promoter_count,
        count(*) filter (where answer_group = 'detractor') as detractor_count,
        count(*) as answer_count
    from windowed
    group by grouping sets (
        (month)
        {%- for dimension in dimensions %}, (month, {{ dimension }}){% endfor %}
    )

),

with_empty_months as (

    select * from counted
    union all
    select
        month,
        'total' as dimension,
        'total' as member,
        0 as promoter_count,
        0 as detractor_count,
        0 as answer_count
    from months

),

summed as (

    select
        month,
        dimension,
        member,
        cast(sum(promoter_count) as bigint) as promoter_count,
        cast(sum(answer_count - promoter_count - detractor_count) as bigint) as passive_count,
        cast(sum(detractor_count) as bigint) as detractor_count,
        cast(sum(promoter_count - detractor_count) as decimal(18, 2)) as numerator,
        cast(sum(answer_count) as decimal(18, 2)) as denominator
    from with_empty_months
    group by month, dimension, member

),

-- Adjusted Wald: three answers are added, three quarters of one to promoters and to detractors each.
bounded as (

    select
        *,
        cast(numerator as double) / cast(denominator + 3 as double) as middle,
        1.959964e0
        * sqrt(promoter_count + detractor_count + 1.5e0 - cast(numerator * numerator as double) / cast(denominator + 3 as double))
        / cast(denominator + 3 as double) as half_width
    from summed

),

final as (

    select
        'nps' as reading,
        bounded.month,
        bounded.dimension,
        bounded.member,
        bounded.numerator,
        bounded.denominator,
        100 * {{ safe_ratio('bounded.numerator', 'bounded.denominator') }} as value,
        'points' as unit,
        case when bounded.denominator > 0 then round(greatest(100 * (bounded.middle - bounded.half_width), -100), 6) end as lower_value,
        case when bounded.denominator > 0 then round(least(100 * (bounded.middle + bounded.half_width), 100), 6) end as upper_value,
        bounded.promoter_count,
        bounded.passive_count,
        bounded.detractor_count,
        bounded.month < parameters.as_of_month as is_final
    from bounded
    cross join parameters

)

select * from final

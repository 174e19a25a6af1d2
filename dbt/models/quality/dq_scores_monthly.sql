{#- Grain: one row per reading, month, dimension and member. -#}
{%- set dimensions = var('kpi_dimensions', ['feed', 'source_system', 'feed_owner']) -%}

with parameters as (

    select * from {{ ref('dim_parameters') }}

),

measured as (

    select * from {{ ref('dq_measures_monthly') }}

),

feed_scores as (

    select * from {{ ref('dq_feed_scores_monthly') }}

),

-- Overall, every feed of a system counts alike, however many rows it has.
counted as (

    select
        measure as reading,
        month,
        feed,
        source_system,
        feed_owner,
        cast(good_count as decimal(18, 4)) as good_count,
        cast(checked_count as decimal(18, 4)) as checked_count
    from measured
    union all
    select
        'overall' as reading,
        month,
        feed,
        source_system,
        feed_owner,
        cast({{ rounded('overall_score', 4) }} as decimal(18, 4)) as good_count,
        cast(1 as decimal(18, 4)) as checked_count
    from feed_scores
    where overall_score is not null

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
        cast(sum(good_count) as decimal(18, 4)) as numerator,
        cast(sum(checked_count) as decimal(18, 4)) as denominator
    from counted
    group by grouping sets (
        (reading, month)
        {%- for dimension in dimensions %}, (reading, month, {{ dimension }}){% endfor %}
    )

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
        summed.month < parameters.as_of_month as is_final
    from summed
    cross join parameters

)

select * from final

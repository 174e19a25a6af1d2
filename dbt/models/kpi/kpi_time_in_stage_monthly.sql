{#- Grain: one row per reading, stage, month in which the stage was left for good, dimension and member. -#}
{%- set dimensions = var('kpi_dimensions', [
    'customer_segment', 'region', 'team', 'employee', 'product_category', 'channel', 'campaign',
]) -%}

with parameters as (

    select * from {{ ref('dim_parameters') }}

),

completed as (

    select * from {{ ref('kpi_time_in_stage') }}
    where not is_censored

),

readings as (

    select 'latest' as reading
    union all
    select 'cumulative' as reading

),

measured as (

    select
        {%- for dimension in dimensions %}
        completed.{{ dimension }},
        {%- endfor %}
        readings.reading,
        completed.stage_name,
        completed.left_month as month,
        cast(
            {{ rounded("case readings.reading when 'latest' then completed.latest_days else completed.cumulative_days end", 4) }}
            as decimal(18, 4)
        ) as stage_days
    from completed
    cross join readings

),

summed as (

    select
        reading,
        stage_name,
        month,
        case
            {%- for dimension in dimensions %}
            when grouping({{ dimension }}) = 0 then '{{ dimension }}'
            {%- endfor %}
            else 'total'
        end as dimension,
        coalesce({{ dimensions | join(', ') }}, 'total') as member,
        cast(sum(stage_days) as decimal(18, 4)) as numerator,
        cast(count(*) as decimal(18, 4)) as denominator,
        percentile_cont(0.5) within group (order by cast(stage_days as double)) as median_days,
        percentile_cont(0.9) within group (order by cast(stage_days as double)) as p90_days
    from measured
    group by grouping sets (
        (reading, stage_name, month)
        {%- for dimension in dimensions %}, (reading, stage_name, month, {{ dimension }}){% endfor %}
    )

),

final as (

    select
        summed.reading,
        summed.stage_name,
        summed.month,
        summed.dimension,
        summed.member,
        summed.numerator,
        summed.denominator,
        {{ safe_ratio('summed.numerator', 'summed.denominator') }} as value,
        'days' as unit,
        {{ rounded('round(summed.median_days, 9)', 4) }} as median_days,
        {{ rounded('round(summed.p90_days, 9)', 4) }} as p90_days,
        summed.month < parameters.as_of_month as is_final
    from summed
    cross join parameters

)

select * from final

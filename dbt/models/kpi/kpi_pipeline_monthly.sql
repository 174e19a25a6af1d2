{#- Grain: one row per reading, month, dimension and member. -#}
{%- set dimensions = var('kpi_dimensions', [
    'customer_segment', 'region', 'team', 'employee', 'product_category', 'channel', 'campaign', 'stage_name',
]) -%}
{%- set readings = ['stale_share', 'overdue_share', 'slipped_share', 'mean_amount', 'mean_age'] -%}

with parameters as (

    select * from {{ ref('dim_parameters') }}

),

pipeline_months as (

    select * from {{ ref('kpi_pipeline_months') }}

),

months as (

    select * from {{ ref('dim_date') }}
    where date_day = month

),

readings as (

    {% for reading in readings -%}
    select '{{ reading }}' as reading
    {{ 'union all' if not loop.last }}
    {% endfor %}

),

-- A deal is judged where it can be: in a stage of which the usual time is known, with an expected day, with an amount.
weighed as (

    select
        {%- for dimension in dimensions %}
        pipeline_months.{{ dimension }},
        {%- endfor %}
        readings.reading,
        pipeline_months.month,
        pipeline_months.amount,
        case readings.reading
            when 'stale_share' then case when pipeline_months.is_stale then 1 else 0 end
            when 'overdue_share' then case when pipeline_months.is_overdue then 1 else 0 end
            when 'slipped_share' then case when pipeline_months.slippage_count > 0 then 1 else 0 end
            when 'mean_amount' then pipeline_months.amount
            when 'mean_age' then pipeline_months.age_days
        end as weight,
        case readings.reading
            when 'stale_share' then pipeline_months.usual_days is not null
            when 'mean_amount' then pipeline_months.amount is not null
            when 'mean_age' then pipeline_months.age_days is not null
            else pipeline_months.expected_close_date is not null
        end as is_judged
    from pipeline_months
    cross join readings

),

counted as (

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
        cast({{ rounded('sum(case when is_judged then weight else 0 end)', 2) }} as decimal(18, 2)) as numerator,
        count(*) filter (where is_judged) as denominator,
        count(*) as open_count,
        sum(coalesce(amount, 0)) as open_amount
    from weighed
    group by grouping sets (
        (reading, month)
        {%- for dimension in dimensions %}, (reading, month, {{ dimension }}){% endfor %}
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
        0 as numerator,
        0 as denominator,
        0 as open_count,
        0 as open_amount
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
        cast(sum(numerator) as decimal(18, 2)) as numerator,
        cast(sum(denominator) as decimal(18, 2)) as denominator,
        cast(sum(open_count) as bigint) as open_count,
        sum(open_amount) as open_amount
    from with_empty_months
    group by all

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
        case summed.reading when 'mean_amount' then 'currency' when 'mean_age' then 'days' else 'rate' end as unit,
        summed.open_count,
        cast(summed.open_amount as decimal(18, 2)) as open_amount,
        summed.month < parameters.as_of_month as is_final
    from summed
    cross join parameters

)

select * from final

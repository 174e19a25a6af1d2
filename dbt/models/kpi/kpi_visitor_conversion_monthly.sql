{#- Grain: one row per reading, month of the first visit, dimension and member. -#}
{%- set dimensions = var('kpi_dimensions', ['channel', 'campaign', 'product_category', 'customer_segment']) -%}
{%- set readings = {
    'web_bounce': ('web', 'is_bounced', 'true'),
    'web_to_lead': ('web', 'became_lead', 'not was_customer and not was_lead'),
    'web_to_customer': ('web', 'became_customer', 'not was_customer'),
    'store_to_purchase': ('store', 'has_purchase', 'true'),
    'store_to_customer': ('store', 'became_customer', 'not was_customer'),
    'visitor_never_bought': ('any', 'not became_customer', 'not was_customer'),
} %}

with parameters as (

    select * from {{ ref('dim_parameters') }}

),

visitors as (

    select * from {{ ref('kpi_visitors') }}

),

months as (

    select * from {{ ref('dim_date') }}
    where date_day = month

),

readings as (

    {% for reading, (place, _, _) in readings.items() -%}
    select
        '{{ reading }}' as reading,
        '{{ place }}' as place
    {{ 'union all' if not loop.last }}
    {% endfor %}

),

-- Each visitor once per reading that is about his place and about people like him.
judged as (

    select
        readings.reading,
        visitors.month,
        {%- for dimension in dimensions %}
        visitors.{{ dimension }},
        {%- endfor %}
        case readings.reading
            {%- for reading, (_, success, _) in readings.items() %}
            when '{{ reading }}' then {{ success }}
            {%- endfor %}
        end as is_success
    from visitors
    inner join readings on visitors.place = readings.place
    where
        case readings.reading
            {%- for reading, (_, _, population) in readings.items() %}
            when '{{ reading }}' then {{ population }}
            {%- endfor %}
        end

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
        count(*) filter (where is_success) as success_count,
        count(*) as visitor_count
    from judged
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
        0 as success_count,
        0 as visitor_count
    from months
    cross join readings
    cross join parameters
    where months.month >= (select min(visitors.month) from visitors) and months.month <= parameters.as_of_month

),

summed as (

    select
        reading,
        month,
        dimension,
        member,
        cast(sum(success_count) as decimal(18, 2)) as numerator,
        cast(sum(visitor_count) as decimal(18, 2)) as denominator
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
        'rate' as unit,
        {{ days_between(date_plus('summed.month', 1, 'month'), 'parameters.as_of_date') }} >= parameters.lead_maturity_days as is_final
    from summed
    cross join parameters

)

select * from final

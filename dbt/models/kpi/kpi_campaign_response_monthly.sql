{#- Grain: one row per reading, month of the contact, dimension and member. -#}
{%- set dimensions = var('kpi_dimensions', ['channel', 'campaign', 'customer_segment', 'wave']) -%}
{%- set readings = {
    'open': ('is_opened', 'has_open_tracking and not is_bounced'),
    'click': ('is_clicked', 'has_click_tracking and not is_bounced'),
    'response': ('is_responded', 'true'),
    'conversion': ('is_converted', 'true'),
    'unsubscribe': ('is_unsubscribed', 'true'),
    'bounce': ('is_bounced', 'true'),
} %}

with parameters as (

    select * from {{ ref('dim_parameters') }}

),

addressees as (

    select * from {{ ref('kpi_campaign_addressees') }}

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

-- Each person once per reading that can be measured for him: who reacted, of those who could.
measured as (

    select
        readings.reading,
        addressees.month,
        {%- for dimension in dimensions %}
        addressees.{{ dimension }},
        {%- endfor %}
        case readings.reading
            {%- for reading, (reacted, _) in readings.items() %}
            when '{{ reading }}' then addressees.{{ reacted }}
            {%- endfor %}
        end as has_reacted
    from addressees
    cross join readings
    where
        case readings.reading
            {%- for reading, (_, measurable) in readings.items() %}
            when '{{ reading }}' then {{ measurable }}
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
        coalesce({% for dimension in dimensions %}cast({{ dimension }} as string), {% endfor %}'total') as member,
        count(*) filter (where has_reacted) as reacted_count,
        count(*) as person_count
    from measured
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
        0 as reacted_count,
        0 as person_count
    from months
    cross join readings
    cross join parameters
    where months.month >= (select min(addressees.month) from addressees) and months.month <= parameters.as_of_month

),

summed as (

    select
        reading,
        month,
        dimension,
        member,
        cast(sum(reacted_count) as decimal(18, 2)) as numerator,
        cast(sum(person_count) as decimal(18, 2)) as denominator
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
        {{ days_between(date_plus('summed.month', 1, 'month'), 'parameters.as_of_date') }} >= parameters.attribution_window_days as is_final
    from summed
    cross join parameters

)

select * from final

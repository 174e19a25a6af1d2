{#- Grain: one row per reading (response, conversion), month of the contact, dimension and member. -#}
{%- set dimensions = var('kpi_dimensions', ['argument', 'customer_segment', 'purpose', 'channel']) -%}

with parameters as (

    select * from {{ ref('dim_parameters') }}

),

addressees as (

    select * from {{ ref('kpi_campaign_addressees') }}
    where argument <> 'unknown'

),

months as (

    select * from {{ ref('dim_date') }}
    where date_day = month

),

readings as (

    select 'response' as reading
    union all
    select 'conversion' as reading

),

counted as (

    select
        readings.reading,
        addressees.month,
        case
            {%- for dimension in dimensions %}
            when grouping(addressees.{{ dimension }}) = 0 then '{{ dimension }}'
            {%- endfor %}
            else 'total'
        end as dimension,
        coalesce({% for dimension in dimensions %}addressees.{{ dimension }}, {% endfor %}'total') as member,
        count(*) filter (
            where case when readings.reading = 'response' then addressees.is_responded else addressees.is_converted end
        ) as reacted_count,
        count(*) as person_count
    from addressees
    cross join readings
    group by grouping sets (
        (readings.reading, addressees.month)
        {%- for dimension in dimensions %}, (readings.reading, addressees.month, addressees.{{ dimension }}){% endfor %}
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
    where months.month >= (select min(counted.month) from counted) and months.month <= parameters.as_of_month

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

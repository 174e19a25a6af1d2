{#- Grain: one row per reading, month, dimension and member. -#}
{%- set dimensions = var('kpi_dimensions', [
    'customer_segment', 'region', 'team', 'employee', 'product_category', 'channel', 'campaign',
]) -%}

with parameters as (

    select * from {{ ref('dim_parameters') }}

),

opportunities as (

    select * from {{ ref('kpi_opportunities') }}

),

months as (

    select * from {{ ref('dim_date') }}
    where date_day = month

),

readings as (

    select 'closed_count' as reading
    union all
    select 'closed_value' as reading
    union all
    select 'cohort' as reading

),

-- What a deal weighs in a reading: an unknown amount nothing, so it is left out of the value only. An open deal has no month
-- of closing and so no weight in the closed readings.
weighed as (

    select
        {%- for dimension in dimensions %}
        opportunities.{{ dimension }},
        {%- endfor %}
        readings.reading,
        case when readings.reading = 'cohort' then opportunities.created_month else opportunities.closed_month end as month,
        case when readings.reading = 'closed_value' then coalesce(opportunities.amount, 0) else 1 end as weight,
        opportunities.is_won,
        opportunities.is_closed
    from opportunities
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
        sum(case when is_won then weight else 0 end) as won_weight,
        sum(weight) as all_weight,
        count(*) as opportunity_count,
        count(*) filter (where is_closed) as closed_count
    from weighed
    where month is not null
    group by grouping sets (
        (reading, month)
        {%- for dimension in dimensions %}, (reading, month, {{ dimension }}){% endfor %}
    )

),

-- Every month since the first deal has a total, so that a month in which nothing was closed says so.
with_empty_months as (

    select * from counted
    union all
    select
        readings.reading,
        months.month,
        'total' as dimension,
        'total' as member,
        0 as won_weight,
        0 as all_weight,
        0 as opportunity_count,
        0 as closed_count
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
        cast(sum(won_weight) as decimal(18, 2)) as numerator,
        cast(sum(all_weight) as decimal(18, 2)) as denominator,
        sum(opportunity_count) as opportunity_count,
        sum(closed_count) as closed_count
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
        case when summed.reading = 'cohort' then {{ safe_ratio('summed.closed_count', 'summed.opportunity_count') }} end as maturity,
        summed.month < parameters.as_of_month
        and (summed.reading <> 'cohort' or summed.closed_count = summed.opportunity_count) as is_final
    from summed
    cross join parameters

)

select * from final

{#- Grain: one row per reading, month, dimension and member. -#}
{%- set dimensions = var('kpi_dimensions', [
    'customer_segment', 'region', 'team', 'employee', 'product_category', 'channel', 'campaign',
]) -%}
{%- set readings = ['accepted', 'accepted_of_sent', 'ordered', 'value', 'discount', 'days_to_order'] -%}

with parameters as (

    select * from {{ ref('dim_parameters') }}

),

quotes as (

    select * from {{ ref('kpi_quotes') }}

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

-- What a quote weighs in a reading, and what of it was achieved; an unknown amount weighs nothing.
weighed as (

    select
        {%- for dimension in dimensions %}
        quotes.{{ dimension }},
        {%- endfor %}
        readings.reading,
        quotes.issued_month as month,
        case readings.reading
            when 'accepted' then case when quotes.is_decided then 1 else 0 end
            when 'value' then case when quotes.is_decided then coalesce(quotes.quoted_amount, 0) else 0 end
            when 'discount' then coalesce(quotes.list_amount, 0)
            when 'days_to_order' then case when quotes.days_to_order is not null then 1 else 0 end
            else 1
        end as weight,
        case readings.reading
            when 'ordered' then case when quotes.is_ordered then 1 else 0 end
            when 'value' then case when quotes.is_successful then coalesce(quotes.quoted_amount, 0) else 0 end
            when 'discount' then case when quotes.list_amount is not null then quotes.discount_amount else 0 end
            when 'days_to_order' then coalesce(quotes.days_to_order, 0)
            else case when quotes.is_successful then 1 else 0 end
        end as achieved,
        case when readings.reading = 'days_to_order' then quotes.days_to_order end as days_to_order,
        case
            when readings.reading in ('accepted', 'accepted_of_sent', 'value') then quotes.is_awaiting_decision
            when readings.reading in ('ordered', 'days_to_order') then quotes.is_awaiting_order
        end as is_waiting
    from quotes
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
        sum(achieved) as achieved,
        sum(weight) as weight,
        percentile_cont(0.5) within group (order by days_to_order) as median_days,
        count(*) filter (where is_waiting) as waiting_count
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
        0 as achieved,
        0 as weight,
        null as median_days,
        0 as waiting_count
    from months
    cross join readings
    cross join parameters
    where months.month >= (select min(quotes.issued_month) from quotes) and months.month <= parameters.as_of_month

),

summed as (

    select
        reading,
        month,
        dimension,
        member,
        cast({{ rounded('sum(achieved)', 2) }} as decimal(18, 2)) as numerator,
        cast({{ rounded('sum(weight)', 2) }} as decimal(18, 2)) as denominator,
        max(median_days) as median_days,
        cast(sum(waiting_count) as bigint) as waiting_count
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
        case when summed.reading = 'days_to_order' then 'days' else 'rate' end as unit,
        cast(summed.median_days as double) as median_days_to_order,
        summed.waiting_count,
        summed.month < parameters.as_of_month and summed.waiting_count = 0 as is_final
    from summed
    cross join parameters

)

select * from final

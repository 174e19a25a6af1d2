{#- Grain: one row per reading (buying role), month, dimension and member. -#}
{%- set dimensions = var('kpi_dimensions', ['outcome', 'customer_segment', 'region', 'team', 'employee', 'product_category']) -%}
{%- set roles = ['decider', 'buyer', 'influencer', 'user', 'gatekeeper'] -%}

with parameters as (

    select * from {{ ref('dim_parameters') }}

),

opportunities as (

    select
        *,
        case when is_won then 'won' else 'lost' end as outcome
    from {{ ref('kpi_opportunities') }}
    where closed_month is not null

),

activities as (

    select * from {{ ref('fct_activities') }}
    where not is_deleted

),

contacts as (

    select * from {{ ref('dim_contacts') }}

),

months as (

    select * from {{ ref('dim_date') }}
    where date_day = month

),

readings as (

    {% for role in roles -%}
    select '{{ role }}' as reading
    union all
    {% endfor -%}
    select 'any_role' as reading

),

-- The close is a date: what happened on that day happened before it.
reached as (

    select
        opportunities.opportunity_key,
        contacts.buying_role
    from activities
    inner join contacts on activities.contact_key = contacts.contact_key
    inner join opportunities on activities.opportunity_key = opportunities.opportunity_key
    where
        activities.activity_date <= opportunities.close_date
        and contacts.buying_role in (select readings.reading from readings)
    group by all

),

reached_readings as (

    select
        opportunity_key,
        buying_role as reading
    from reached
    union all
    select
        opportunity_key,
        'any_role' as reading
    from reached
    group by opportunity_key

),

counted as (

    select
        readings.reading,
        opportunities.closed_month as month,
        case
            {%- for dimension in dimensions %}
            when grouping(opportunities.{{ dimension }}) = 0 then '{{ dimension }}'
            {%- endfor %}
            else 'total'
        end as dimension,
        coalesce({% for dimension in dimensions %}opportunities.{{ dimension }}, {% endfor %}'total') as member,
        count(reached_readings.opportunity_key) as reached_count,
        count(*) as closed_count
    from opportunities
    cross join readings
    left join reached_readings
        on opportunities.opportunity_key = reached_readings.opportunity_key and readings.reading = reached_readings.reading
    group by grouping sets (
        (readings.reading, opportunities.closed_month)
        {%- for dimension in dimensions %}, (readings.reading, opportunities.closed_month, opportunities.{{ dimension }}){% endfor %}
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
        0 as reached_count,
        0 as closed_count
    from months
    cross join readings
    cross join parameters
    where months.month >= (select min(opportunities.closed_month) from opportunities) and months.month <= parameters.as_of_month

),

final as (

    select
        with_empty_months.reading,
        with_empty_months.month,
        with_empty_months.dimension,
        with_empty_months.member,
        cast(sum(with_empty_months.reached_count) as decimal(18, 2)) as numerator,
        cast(sum(with_empty_months.closed_count) as decimal(18, 2)) as denominator,
        {{ safe_ratio('sum(with_empty_months.reached_count)', 'sum(with_empty_months.closed_count)') }} as value,
        'rate' as unit,
        with_empty_months.month < parameters.as_of_month as is_final
    from with_empty_months
    cross join parameters
    group by
        with_empty_months.reading,
        with_empty_months.month,
        with_empty_months.dimension,
        with_empty_months.member,
        parameters.as_of_month

)

select * from final

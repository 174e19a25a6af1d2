{#- Grain: one row per reading, month of the invitation, dimension and member. -#}
{%- set dimensions = var('kpi_dimensions', ['occasion', 'customer_segment', 'region', 'abc_class', 'team', 'channel']) -%}

with parameters as (

    select * from {{ ref('dim_parameters') }}

),

invitations as (

    select * from {{ ref('fct_survey_responses') }}
    where not is_deleted

),

customers as (

    select * from {{ ref('dim_customers') }}
    where is_current

),

tickets as (

    select * from {{ ref('fct_tickets') }}

),

customer_values as (

    select * from {{ ref('kpi_customer_lifetime_value') }}

),

months as (

    select * from {{ ref('dim_date') }}
    where date_day = month

),

readings as (

    {% for reading in ['all', 'nps', 'ces', 'csat'] -%}
    select '{{ reading }}' as reading
    {{ 'union all' if not loop.last }}
    {% endfor %}

),

described as (

    select
        cast(date_trunc('month', invitations.invited_at) as date) as month,
        invitations.instrument,
        invitations.is_answered,
        invitations.occasion,
        coalesce(customers.customer_segment, 'unknown') as customer_segment,
        coalesce(customers.region, 'unknown') as region,
        coalesce(customer_values.abc_class, 'unknown') as abc_class,
        coalesce(tickets.team, 'unknown') as team,
        coalesce(tickets.channel, 'unknown') as channel
    from invitations
    cross join parameters
    left join customers on invitations.customer_key = customers.customer_key
    left join customer_values on invitations.customer_key = customer_values.customer_key
    left join tickets on invitations.ticket_key = tickets.ticket_key
    where cast(invitations.invited_at as date) <= parameters.as_of_date and not coalesce(customers.is_test, false)

),

counted as (

    select
        readings.reading,
        described.month,
        case
            {%- for dimension in dimensions %}
            when grouping(described.{{ dimension }}) = 0 then '{{ dimension }}'
            {%- endfor %}
            else 'total'
        end as dimension,
        coalesce({% for dimension in dimensions %}described.{{ dimension }}, {% endfor %}'total') as member,
        count(*) filter (where described.is_answered) as answered_count,
        count(*) as invited_count
    from described
    inner join readings on readings.reading = 'all' or described.instrument = readings.reading
    group by grouping sets (
        (readings.reading, described.month)
        {%- for dimension in dimensions %}, (readings.reading, described.month, described.{{ dimension }}){% endfor %}
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
        0 as answered_count,
        0 as invited_count
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
        cast(sum(answered_count) as decimal(18, 2)) as numerator,
        cast(sum(invited_count) as decimal(18, 2)) as denominator
    from with_empty_months
    group by reading, month, dimension, member

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
        -- Survey tools export an invitation once it is answered or has run out: until then the youngest are not known at all.
        {{ days_between(date_plus('summed.month', 1, 'month'), 'parameters.as_of_date') }} >= parameters.survey_answer_days as is_final
    from summed
    cross join parameters

)

select * from final

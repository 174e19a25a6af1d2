{#- Grain: one row per reading, month, dimension and member. -#}
{%- set dimensions = var('kpi_dimensions', [
    'customer_segment', 'region', 'team', 'employee', 'product_category', 'channel', 'campaign',
]) -%}

with parameters as (

    select * from {{ ref('dim_parameters') }}

),

cycles as (

    select * from {{ ref('kpi_sales_cycles') }}

),

cohorts as (

    select * from {{ ref('kpi_sales_cycle_survival_monthly') }}

),

months as (

    select * from {{ ref('dim_date') }}
    where date_day = month

),

first_months as (

    select
        reading,
        min(created_month) as month
    from cycles
    group by all

),

won as (

    select
        reading,
        won_month as month,
        case
            {%- for dimension in dimensions %}
            when grouping({{ dimension }}) = 0 then '{{ dimension }}'
            {%- endfor %}
            else 'total'
        end as dimension,
        coalesce({{ dimensions | join(', ') }}, 'total') as member,
        sum(cycle_days) as total_days,
        count(*) as won_count,
        percentile_cont(0.5) within group (order by cycle_days) as median_days,
        percentile_cont(0.75) within group (order by cycle_days) as p75_days,
        percentile_cont(0.9) within group (order by cycle_days) as p90_days
    from cycles
    where not is_censored
    group by grouping sets (
        (reading, won_month)
        {%- for dimension in dimensions %}, (reading, won_month, {{ dimension }}){% endfor %}
    )

),

-- Months in which deals were created, but none was won, and months with neither.
grid as (

    select
        reading,
        month,
        dimension,
        member
    from won
    union
    select
        reading,
        month,
        dimension,
        member
    from cohorts
    union
    select
        first_months.reading,
        months.month,
        'total' as dimension,
        'total' as member
    from first_months
    cross join parameters
    inner join months on first_months.month <= months.month and parameters.as_of_month >= months.month

),

final as (

    select
        grid.reading,
        grid.month,
        grid.dimension,
        grid.member,
        cast(coalesce(won.total_days, 0) as decimal(18, 2)) as numerator,
        cast(coalesce(won.won_count, 0) as decimal(18, 2)) as denominator,
        {{ safe_ratio('won.total_days', 'won.won_count') }} as value,
        'days' as unit,
        {{ safe_ratio('won.total_days', 'won.won_count') }} as mean_days,
        {{ rounded('round(won.median_days, 9)', 4) }} as median_days,
        {{ rounded('round(won.p75_days, 9)', 4) }} as p75_days,
        {{ rounded('round(won.p90_days, 9)', 4) }} as p90_days,
        cohorts.km_median_days,
        coalesce(cohorts.deal_count, 0) as cohort_count,
        coalesce(cohorts.open_count, 0) as cohort_open_count,
        grid.month < parameters.as_of_month as is_final
    from grid
    cross join parameters
    left join won
        on
            grid.reading = won.reading
            and grid.month = won.month
            and grid.dimension = won.dimension
            and grid.member = won.member
    left join cohorts
        on
            grid.reading = cohorts.reading
            and grid.month = cohorts.month
            and grid.dimension = cohorts.dimension
            and grid.member = cohorts.member

)

select * from final

{#- Grain: one row per reading, month of creation, dimension and member. -#}
{%- set dimensions = var('kpi_dimensions', [
    'customer_segment', 'region', 'team', 'employee', 'product_category', 'channel', 'campaign',
]) -%}

with cycles as (

    select * from {{ ref('kpi_sales_cycles') }}

),

-- Kaplan–Meier over the deals created in a month: how many left (won, or open and so censored) after how many days …
left_after as (

    select
        reading,
        created_month as month,
        case
            {%- for dimension in dimensions %}
            when grouping({{ dimension }}) = 0 then '{{ dimension }}'
            {%- endfor %}
            else 'total'
        end as dimension,
        coalesce({{ dimensions | join(', ') }}, 'total') as member,
        cycle_days,
        count(*) as left_count,
        count(*) filter (where not is_censored) as won_count
    from cycles
    group by grouping sets (
        (reading, created_month, cycle_days)
        {%- for dimension in dimensions %}, (reading, created_month, cycle_days, {{ dimension }}){% endfor %}
    )

),

-- … of how many that were still under way …
at_risk as (

    select
        reading,
        month,
        dimension,
        member,
        cycle_days,
        left_count,
        won_count,
        sum(left_count) over (
            partition by reading, month, dimension, member
            order by cycle_days desc
            rows between unbounded preceding and current row
        ) as at_risk_count
    from left_after

),

-- … which share is therefore still unwon. Logarithms, since a product is no common aggregate; 1e-300 stands for a curve at 0.
survival as (

    select
        reading,
        month,
        dimension,
        member,
        cycle_days,
        left_count,
        won_count,
        exp(
            sum(ln(greatest(1 - won_count / cast(at_risk_count as double), 1e-300))) over (
                partition by reading, month, dimension, member
                order by cycle_days
                rows between unbounded preceding and current row
            )
        ) as unwon_share
    from at_risk

),

final as (

    select
        reading,
        month,
        dimension,
        member,
        cast(min(cycle_days) filter (where unwon_share <= 0.5 + 1e-9) as double) as km_median_days,
        cast(sum(left_count) as bigint) as deal_count,
        cast(sum(won_count) as bigint) as won_count,
        cast(sum(left_count) - sum(won_count) as bigint) as open_count
    from survival
    group by all

)

select * from final

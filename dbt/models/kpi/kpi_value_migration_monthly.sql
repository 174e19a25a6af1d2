{#- Grain: one row per reading (abc_revenue, rfm), month, class before and class after. -#}
{%- set classes = {'abc_revenue': 'abc_revenue_class', 'rfm': 'rfm_segment'} %}

with parameters as (

    select * from {{ ref('dim_parameters') }}

),

value_classes as (

    select * from {{ ref('kpi_value_classes_monthly') }}

),

-- The class of the month before; who has no row then had not bought anything yet.
followed as (

    {% for reading, class in classes.items() -%}
    select
        '{{ reading }}' as reading,
        month,
        coalesce(lag({{ class }}) over (partition by customer_key order by month), 'none') as from_class,
        {{ class }} as to_class,
        revenue_12m_amount - coalesce(lag(revenue_12m_amount) over (partition by customer_key order by month), 0) as revenue_effect_amount
    from value_classes
    {{ 'union all' if not loop.last }}
    {% endfor %}

),

summed as (

    select
        reading,
        month,
        from_class,
        to_class,
        count(*) as customer_count,
        sum(count(*)) over (partition by reading, month, from_class) as from_count,
        sum(revenue_effect_amount) as revenue_effect_amount
    from followed
    where month > (select min(value_classes.month) from value_classes)
    group by reading, month, from_class, to_class

),

final as (

    select
        {{ surrogate_key(['summed.reading', 'summed.month', 'summed.from_class', 'summed.to_class']) }} as value_migration_key,
        summed.reading,
        summed.month,
        summed.from_class,
        summed.to_class,
        summed.customer_count,
        {{ safe_ratio('summed.customer_count', 'summed.from_count') }} as migration_rate,
        cast(summed.revenue_effect_amount as decimal(18, 2)) as revenue_effect_amount,
        summed.month < parameters.as_of_month as is_final
    from summed
    cross join parameters

)

select * from final

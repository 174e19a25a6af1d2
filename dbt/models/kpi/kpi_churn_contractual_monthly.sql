{#- Grain: one row per month, dimension and member. -#}

with parameters as (

    select * from {{ ref('dim_parameters') }}

),

movements as (

    select * from {{ ref('kpi_customer_movements_monthly') }}
    where reading = 'contractual'

),

final as (

    select
        'contractual' as reading,
        movements.month,
        movements.dimension,
        movements.member,
        cast(movements.lost_count as decimal(18, 2)) as numerator,
        cast(movements.start_count as decimal(18, 2)) as denominator,
        {{ safe_ratio('movements.lost_count', 'movements.start_count') }} as value,
        'rate' as unit,
        movements.new_count,
        movements.returned_count,
        movements.end_count,
        {{ days_between(date_plus('movements.month', 1, 'month'), 'parameters.as_of_date') }} >= parameters.grace_days as is_final
    from movements
    cross join parameters

)

select * from final

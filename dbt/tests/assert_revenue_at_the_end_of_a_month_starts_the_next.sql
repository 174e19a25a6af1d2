{#- What the customers of a member bring when a month ends is what they bring when the next begins. -#}

with movements as (

    select * from {{ ref('kpi_revenue_movements_monthly') }}

),

parameters as (

    select * from {{ ref('dim_parameters') }}

),

expected as (

    select
        movements.reading,
        {{ date_plus('movements.month', 1, 'month') }} as month,
        movements.dimension,
        movements.member,
        movements.end_amount
    from movements
    cross join parameters
    where movements.month < parameters.as_of_month

)

select
    coalesce(expected.reading, movements.reading) as reading,
    coalesce(expected.month, movements.month) as month,
    coalesce(expected.dimension, movements.dimension) as dimension,
    coalesce(expected.member, movements.member) as member,
    expected.end_amount,
    movements.denominator
from expected
full outer join movements
    on
        expected.reading = movements.reading
        and expected.month = movements.month
        and expected.dimension = movements.dimension
        and expected.member = movements.member
where coalesce(expected.end_amount, 0) <> coalesce(movements.denominator, 0)

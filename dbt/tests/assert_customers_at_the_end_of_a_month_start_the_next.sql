{#- The bridge of the customers holds: who is there when a month ends is there when the next begins, member by member. -#}

with movements as (

    select * from {{ ref('kpi_customer_movements_monthly') }}

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
        movements.end_count
    from movements
    cross join parameters
    where movements.month < parameters.as_of_month

)

select
    coalesce(expected.reading, movements.reading) as reading,
    coalesce(expected.month, movements.month) as month,
    coalesce(expected.dimension, movements.dimension) as dimension,
    coalesce(expected.member, movements.member) as member,
    expected.end_count,
    movements.start_count
from expected
full outer join movements
    on
        expected.reading = movements.reading
        and expected.month = movements.month
        and expected.dimension = movements.dimension
        and expected.member = movements.member
where coalesce(expected.end_count, 0) <> coalesce(movements.start_count, 0)

{#- Whoever arrives in a class in one month leaves from it, or stays in it, in the next. -#}

with migrations as (

    select * from {{ ref('kpi_value_migration_monthly') }}

),

arrived as (

    select
        reading,
        {{ date_plus('month', 1, 'month') }} as month,
        to_class as value_class,
        sum(customer_count) as customer_count
    from migrations
    group by reading, month, to_class

),

left_from as (

    select
        reading,
        month,
        from_class as value_class,
        sum(customer_count) as customer_count
    from migrations
    where from_class <> 'none'
    group by reading, month, from_class

),

-- What arrives in the last month has no next one, and nothing arrives before the first.
compared_months as (

    select
        min(month) as first_month,
        max(month) as last_month
    from migrations

)

select
    coalesce(arrived.reading, left_from.reading) as reading,
    coalesce(arrived.month, left_from.month) as month,
    coalesce(arrived.value_class, left_from.value_class) as value_class,
    arrived.customer_count as arrived_count,
    left_from.customer_count as left_count
from arrived
full outer join left_from
    on
        arrived.reading = left_from.reading
        and arrived.month = left_from.month
        and arrived.value_class = left_from.value_class
cross join compared_months
where
    coalesce(arrived.customer_count, 0) <> coalesce(left_from.customer_count, 0)
    and coalesce(arrived.month, left_from.month) > compared_months.first_month
    and coalesce(arrived.month, left_from.month) <= compared_months.last_month

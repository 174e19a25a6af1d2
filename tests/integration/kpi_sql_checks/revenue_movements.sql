-- kpi_revenue_movements_monthly (window 12 months, 30 days of grace): reading, month, moved, at the start, at the end, customers.
with pairs as (
    select
        levels.reading,
        levels.month,
        levels.amount as after_amount,
        coalesce(previous.amount, 0) as before_amount,
        exists (
            from levels as earlier
            where
                earlier.reading = levels.reading
                and earlier.person_id = levels.person_id
                and earlier.month < levels.month
                and earlier.amount > 0
        ) as is_known
    from levels
    left join levels as previous
        on
            levels.reading = previous.reading
            and levels.person_id = previous.person_id
            and levels.month - interval 1 month = previous.month
),

named as (
    select
        *,
        case
            when before_amount = 0 then if(is_known, 'reactivation', 'new')
            when after_amount = 0 then 'churn'
            when after_amount > before_amount then 'expansion'
            when after_amount < before_amount then 'contraction'
        end as movement
    from pairs
    where before_amount <> 0 or after_amount <> 0
),

totals as (
    select
        reading,
        month,
        sum(before_amount) as before_amount,
        sum(after_amount) as after_amount
    from named
    group by reading, month
)

select
    named.reading || '_' || named.movement as reading,
    named.month,
    sum(abs(named.after_amount - named.before_amount)) as numerator,
    any_value(totals.before_amount) as denominator,
    any_value(totals.after_amount) as end_amount,
    count(*) as customer_count
from named
inner join totals on named.reading = totals.reading and named.month = totals.month
where named.movement is not null
group by all

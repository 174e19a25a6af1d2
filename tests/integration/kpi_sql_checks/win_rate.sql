-- kpi_win_rate_monthly: reading, month, dimension, member, numerator, denominator.
with dealt as (
    select
        counted_deals.*,
        account_segments.segment
    from counted_deals
    left join account_segments on counted_deals.account_id = account_segments.account_id
),

cut as (
    select
        'total' as dimension,
        'total' as member,
        *
    from dealt
    union all
    select
        'customer_segment' as dimension,
        segment as member,
        *
    from dealt
)

select
    'closed_count' as reading,
    month_of(close_date) as month,
    dimension,
    member,
    sum(is_won::int) as numerator,
    count(*) as denominator
from cut
where is_closed
group by all
union all
select
    'closed_value' as reading,
    month_of(close_date) as month,
    dimension,
    member,
    coalesce(sum(amount) filter (where is_won), 0) as numerator,
    coalesce(sum(amount), 0) as denominator
from cut
where is_closed
group by all
union all
select
    'cohort' as reading,
    month_of(created_date) as month,
    dimension,
    member,
    sum(is_won::int) as numerator,
    count(*) as denominator
from cut
group by all

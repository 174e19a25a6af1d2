-- Margin of twelve months by month and person, of those for whom anything was booked.
select
    month,
    person_id,
    margin
from trailing_years
where booking_count > 0 and month >= (select month_of(as_of) - interval 24 months from run)

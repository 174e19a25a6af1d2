"""Periods cover the history without gap or overlap, and working hours keep the order of events."""

from __future__ import annotations

from datetime import date, timedelta

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from dagster_project.simulation.horizon import DAY, HOUR, Horizon, next_office_time, office_hours


@given(start=st.dates(date(2015, 1, 1), date(2030, 12, 31)), months=st.integers(1, 60), nights=st.integers(0, 27))
def test_periods_have_no_gap_and_no_overlap(start: date, months: int, nights: int) -> None:
    horizon = Horizon(start, months, nights)
    assert horizon.periods[0].first == start
    assert horizon.periods[-1].last == horizon.end
    for before, after in zip(horizon.periods, horizon.periods[1:], strict=False):
        assert after.first == before.last + timedelta(days=1)
    single = [period for period in horizon.periods[horizon.bulk_count :] if period.first == period.last]
    assert len(single) == nights


def test_three_years_are_quarters_then_months_then_nights() -> None:
    horizon = Horizon(date(2023, 1, 1), 36, 30)
    lengths = [(period.last - period.first).days + 1 for period in horizon.periods]
    assert lengths[0] == 90
    assert lengths[-30:] == [1] * 30
    assert len(lengths) < 60


@given(st.lists(st.integers(1_500_000_000, 1_900_000_000), min_size=2, max_size=50))
def test_office_hours_keep_the_order_of_events(seconds: list[int]) -> None:
    at = np.sort(np.array(seconds, dtype=np.int64))
    moved = office_hours(at)
    assert (np.diff(moved) >= 0).all()
    assert (((moved // DAY + 3) % 7) < 5).all()
    assert ((moved % DAY >= 7 * HOUR) & (moved % DAY <= 15.5 * HOUR)).all()


@given(st.lists(st.integers(1_500_000_000, 1_900_000_000), min_size=2, max_size=50))
def test_the_next_office_time_is_never_earlier_and_keeps_the_order(seconds: list[int]) -> None:
    at = np.sort(np.array(seconds, dtype=np.int64))
    moved = next_office_time(at)
    assert (moved >= at).all()
    assert (moved - at < 4 * DAY).all()
    assert (np.diff(moved) >= 0).all()
    assert (((moved // DAY + 3) % 7) < 5).all()
    assert ((moved % DAY >= 7 * HOUR) & (moved % DAY <= 15.5 * HOUR)).all()

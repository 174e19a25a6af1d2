"""The span of time that is simulated and how it is cut into export periods; not what happens in it."""

from __future__ import annotations

from bisect import bisect_left
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from functools import cached_property

import numpy as np
import numpy.typing as npt

DAY = 86_400
HOUR = 3_600
MONTH_DAYS = 365.25 / 12
NEVER = np.iinfo(np.int64).max // 4
MONTHLY_TAIL = 6
OPENING, CLOSING = 7 * HOUR, 15 * HOUR + HOUR // 2

Seconds = npt.NDArray[np.int64]


@dataclass(frozen=True)
class Period:
    """The days one export covers, both ends included."""

    first: date
    last: date


@dataclass(frozen=True)
class Horizon:
    """From `start` for `months` months; the last `nights` days are exported one by one.

    Older history comes quarter by quarter, the six months before the nights month by month.
    """

    start: date
    months: int
    nights: int = 0

    @cached_property
    def end(self) -> date:
        """Last simulated day."""
        return _add_months(self.start, self.months) - timedelta(days=1)

    @property
    def first_second(self) -> int:
        """First second, since the epoch."""
        return _midnight(self.start)

    @property
    def end_second(self) -> int:
        """First second after the last day."""
        return _midnight(self.end + timedelta(days=1))

    @property
    def seconds(self) -> int:
        """Length of the horizon."""
        return self.end_second - self.first_second

    @cached_property
    def periods(self) -> tuple[Period, ...]:
        """Export periods in order, without gap or overlap."""
        history_end = max(self.end - timedelta(days=self.nights), self.start - timedelta(days=1))
        lasts = self._bulk_ends(history_end)
        day = history_end
        while day < self.end:
            day += timedelta(days=1)
            lasts.append(day)
        firsts = [self.start, *(last + timedelta(days=1) for last in lasts)]
        return tuple(Period(first, last) for first, last in zip(firsts, lasts, strict=False))

    @cached_property
    def bulk_count(self) -> int:
        """How many of the periods are history, before the single nights begin."""
        return bisect_left(
            [period.last for period in self.periods], self.end - timedelta(days=self.nights) + timedelta(days=1)
        )

    @cached_property
    def period_ends(self) -> Seconds:
        """First second after each period."""
        return np.array([_midnight(period.last + timedelta(days=1)) for period in self.periods], dtype=np.int64)

    def period_of(self, at: Seconds) -> Seconds:
        """Index of the period each second lies in; the number of periods when it lies after the end."""
        return np.searchsorted(self.period_ends, at, side="right").astype(np.int64)

    def share(self, share: float) -> int:
        """The second at a share of the horizon."""
        return self.first_second + int(self.seconds * share)

    def _bulk_ends(self, history_end: date) -> list[date]:
        ends: list[date] = []
        month = 0
        while True:
            step = 3 if _add_months(self.start, month + 3 + MONTHLY_TAIL) - timedelta(days=1) <= history_end else 1
            last = _add_months(self.start, month + step) - timedelta(days=1)
            if last > history_end:
                break
            ends.append(last)
            month += step
        if history_end >= self.start and (not ends or ends[-1] < history_end):
            ends.append(history_end)
        return ends


def office_hours(at: Seconds) -> Seconds:
    """Move seconds into working hours (07:00 to 15:30 UTC, Monday to Friday) of the same or next working day.

    The order of events stays, and they spread over the day; but an event may move to an earlier hour, so this is for
    events that answer nothing. Use `next_office_time` for those that do.
    """
    day, second = np.divmod(at, DAY)
    weekday = (day + 3) % 7
    share = second / DAY
    share = np.where(weekday == 0, 0.1 + 0.9 * share, share)
    share = np.where(weekday >= 5, (weekday - 5 + share) / 2 * 0.1, share)
    day = np.where(weekday >= 5, day + 7 - weekday, day)
    moved = day * DAY + OPENING + share * (CLOSING - OPENING)
    return np.where(at >= NEVER, at, moved).astype(np.int64)


def next_office_time(at: Seconds) -> Seconds:
    """The same second in working hours, else early on the next working day; never earlier, order kept."""
    day, second = np.divmod(at, DAY)
    settled = OPENING + 2 * HOUR
    day = np.where(second >= CLOSING, day, day - 1)
    weekday = (day + 3) % 7
    closed_since = np.where(weekday >= 5, day - weekday + 4, day) * DAY + CLOSING
    opens = np.where(weekday >= 4, day - weekday + 7, day + 1) * DAY
    waited = (at - closed_since) / np.maximum(opens + settled - closed_since, 1)
    moved = opens + OPENING + waited * 2 * HOUR
    is_open = ((at // DAY + 3) % 7 < 5) & (second >= settled) & (second < CLOSING)
    return np.where((at >= NEVER) | is_open, at, moved).astype(np.int64)


def _midnight(day: date) -> int:
    return int(datetime(day.year, day.month, day.day, tzinfo=UTC).timestamp())


def _add_months(day: date, months: int) -> date:
    year, month = divmod(day.month - 1 + months, 12)
    for number in (day.day, 30, 29, 28):
        try:
            return date(day.year + year, month + 1, number)
        except ValueError:
            continue
    raise AssertionError("every month has 28 days")

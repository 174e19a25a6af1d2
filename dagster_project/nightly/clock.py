"""The only place that reads the clock; steps and models get their date as an input and never look here."""

from __future__ import annotations

from datetime import UTC, date, datetime
from zoneinfo import ZoneInfo


def now() -> datetime:
    """This moment, in UTC."""
    return datetime.now(UTC)


def today(time_zone: ZoneInfo) -> date:
    """The date where the company is."""
    return local_date(now(), time_zone)


def local_date(moment: datetime, time_zone: ZoneInfo) -> date:
    """The date of a moment where the company is."""
    return moment.astimezone(time_zone).date()

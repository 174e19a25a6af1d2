"""Dates and times written as text: several formats, two-digit years, offsets and time zones; numbers live next door."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import polars as pl

from dagster_project.ingestion.mappings import ValueFormat
from dagster_project.ingestion.parsing.steps import Parsed, Steps

_DAY = "2024-01-31"
_TIME_DIRECTIVES = ("%H", "%I", "%s", "%T", "%R", "%M", "%p")
_OFFSET_DIRECTIVES = ("%z", "%:z", "%#z")


def parse_date(text: pl.Expr, style: ValueFormat, steps: Steps) -> Parsed:
    """Days, in the first declared format that fits."""

    def attempt(rest: pl.Expr, one: str) -> pl.Expr:
        if any(directive in one for directive in _TIME_DIRECTIVES):
            return rest.str.to_datetime(one, strict=False, time_unit="us").dt.date()
        return rest.str.to_date(one, strict=False)

    value = _first_fit(text, style.date_formats, attempt, style, steps)
    return steps.parsed(value, pl.lit(f"no date like {' or '.join(style.date_formats)}"))


def _first_fit(
    text: pl.Expr,
    formats: Sequence[str],
    attempt: Callable[[pl.Expr, str], pl.Expr],
    style: ValueFormat,
    steps: Steps,
) -> pl.Expr:
    """The value by the first format that fits; each format only sees what the ones before it could not read."""
    found: pl.Expr | None = None
    for one in formats:
        rest = text if found is None else steps.keep(pl.when(found.is_null()).then(text))
        value = _with_century(steps.keep(attempt(rest, one)), one, style, steps)
        found = value if found is None else steps.keep(pl.coalesce(found, value))
    return pl.lit(None) if found is None else found


def _with_century(value: pl.Expr, date_format: str, style: ValueFormat, steps: Steps) -> pl.Expr:
    """Two-digit years fall into the declared century; four-digit formats take no shorter year."""
    if "%y" not in date_format:
        return steps.keep(pl.when(value.dt.year().is_between(1000, 9999)).then(value))
    latest = style.latest_two_digit_year
    late = steps.keep(pl.when(value.dt.year() > latest).then(value.dt.offset_by("-100y")).otherwise(value))
    early = steps.keep(pl.when(late.dt.year() <= latest - 100).then(late.dt.offset_by("100y")).otherwise(late))
    return steps.keep(pl.when(early.dt.day() == value.dt.day()).then(early))


def parse_timestamp(text: pl.Expr, style: ValueFormat, steps: Steps) -> Parsed:
    """Moments in UTC, from ISO 8601 text or the declared formats."""
    if style.timestamp_formats:
        local, exact = _declared_times(text, style, steps)
    else:
        local, exact = _iso_times(text, steps)
    in_utc = steps.keep(to_utc(local, style.time_zone))
    reason = pl.lit(f"no timestamp like {' or '.join(style.timestamp_formats) or f'{_DAY} 12:30:00 (ISO 8601)'}")
    gap = pl.lit(f"does not exist in {style.time_zone} (clocks went forward)")
    return steps.parsed(pl.coalesce(exact, in_utc), pl.when(local.is_not_null()).then(gap).otherwise(reason))


def _iso_times(text: pl.Expr, steps: Steps) -> tuple[pl.Expr, pl.Expr]:
    """Local times and times in UTC of ISO 8601 text; every shape is parsed by its one format only."""
    bare = text.str.replace(r"\s?(?:[zZ]|UTC)$", "")
    body = steps.keep(bare.str.replace("T", " ", literal=True))
    tail = body.str.slice(len(_DAY))
    has_offset = steps.keep(tail.str.contains("+", literal=True) | tail.str.contains("-", literal=True))
    is_utc = steps.keep(body.str.len_bytes() < text.str.len_bytes())
    plain = steps.keep(_iso_shapes(steps.keep(pl.when(~has_offset).then(body)), steps))
    offset = steps.keep(pl.when(has_offset & ~is_utc).then(body.str.replace(r"\s?([+-]\d{2}):?(\d{2})?$", "|$1$2")))
    moment = steps.keep(_iso_shapes(offset.str.extract(r"^([^|]*)\|", 1), steps))
    minutes = steps.keep(_offset_minutes(offset.str.extract(r"\|(.*)$", 1)))
    shifted = steps.keep(moment - pl.duration(minutes=minutes))
    local = steps.keep(pl.when(~is_utc).then(plain))
    return local, steps.keep(pl.when(is_utc).then(plain).otherwise(shifted))


def _iso_shapes(text: pl.Expr, steps: Steps) -> pl.Expr:
    """ISO text without offset as a naive timestamp."""
    body = steps.keep(text)
    length, has_fraction = body.str.len_bytes(), body.str.contains(".", literal=True)
    shapes = (
        (length == len(_DAY) + 9, "%Y-%m-%d %H:%M:%S"),
        (has_fraction, "%Y-%m-%d %H:%M:%S%.f"),
        (length == len(_DAY) + 6, "%Y-%m-%d %H:%M"),
        (length == len(_DAY), "%Y-%m-%d"),
    )
    tries = [
        steps.keep(pl.when(fits).then(body).str.to_datetime(one, strict=False, time_unit="us")) for fits, one in shapes
    ]
    value = steps.keep(pl.coalesce(tries))
    is_leap_second = body.str.slice(len(_DAY) + 6, 3) == ":60"
    return pl.when(value.dt.year().is_between(1000, 9999) & ~is_leap_second).then(value)


def _offset_minutes(offset: pl.Expr) -> pl.Expr:
    """Minutes of an offset such as +0530 or -08."""
    sign = pl.when(offset.str.starts_with("-")).then(-1).otherwise(1)
    hours = offset.str.slice(1, 2).cast(pl.Int64, strict=False)
    minutes = offset.str.slice(3, 2).cast(pl.Int64, strict=False).fill_null(0)
    return pl.when((hours <= 18) & (minutes < 60)).then(sign * (hours * 60 + minutes))


def _declared_times(text: pl.Expr, style: ValueFormat, steps: Steps) -> tuple[pl.Expr, pl.Expr]:
    """Local times and times in UTC by the declared formats, those with an offset first."""
    exact = [one for one in style.timestamp_formats if any(directive in one for directive in _OFFSET_DIRECTIVES)]
    local = [one for one in style.timestamp_formats if one not in exact]

    def naive(rest: pl.Expr, one: str) -> pl.Expr:
        return rest.str.to_datetime(one, strict=False, time_unit="us")

    def in_utc(rest: pl.Expr, one: str) -> pl.Expr:
        moment = rest.str.replace(r"\s?[zZ]$", "+00:00").str.to_datetime(one, strict=False, time_unit="us")
        return moment.dt.convert_time_zone("UTC").dt.replace_time_zone(None)

    nothing = pl.lit(None, dtype=pl.Datetime("us"))
    sure = _first_fit(text, exact, in_utc, style, steps) if exact else nothing
    rest = steps.keep(pl.when(sure.is_null()).then(text)) if exact else text
    return (_first_fit(rest, local, naive, style, steps) if local else nothing), sure


def to_utc(local: pl.Expr, time_zone: str) -> pl.Expr:
    """A local time as UTC: the earlier one when clocks went back, null when they skipped it."""
    if time_zone == "UTC":
        return local
    zoned = local.dt.replace_time_zone(time_zone, ambiguous="earliest", non_existent="null")
    return zoned.dt.convert_time_zone("UTC").dt.replace_time_zone(None)

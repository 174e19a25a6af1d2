"""Typed parsing: what a text means, and the sentence when it means nothing; nothing is rounded silently."""

from __future__ import annotations

from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any

import polars as pl
import pytest

from dagster_project.ingestion.mappings import ValueFormat
from dagster_project.ingestion.parsing import Parsed, convert_value, parse_text

GERMAN: dict[str, Any] = {"decimal": ",", "thousands": "."}


def evaluated(values: pl.Series, parsed: Parsed) -> tuple[Any, str | None]:
    """The value of a one-row series, or the reason there is none."""
    rows = pl.DataFrame({"x": values}).lazy()
    for step in parsed.steps:
        rows = rows.with_columns(step)
    value, reason = rows.with_columns(value=parsed.value).select("value", reason=parsed.reason).collect().row(0)
    return (value, None) if value is not None else (None, reason)


def read(text: str, kind: str, **style: Any) -> tuple[Any, str | None]:
    series = pl.Series([text], dtype=pl.String)
    return evaluated(series, parse_text(pl.col("x"), kind, ValueFormat(**style), name="step"))


def converted(value: Any, dtype: pl.DataType, kind: str, **style: Any) -> tuple[Any, str | None]:
    parsed = convert_value(pl.col("x"), dtype, kind, ValueFormat(**style), name="step")
    return evaluated(pl.Series([value], dtype=dtype), parsed)


@pytest.mark.parametrize(
    ("text", "style", "value"),
    [
        ("12", {}, "12"),
        (" 12.50 ", {}, "12.5"),
        ("12.500000", {}, "12.5"),
        ("+3", {}, "3"),
        ("-.5", {}, "-0.5"),
        ("5.", {}, "5"),
        ("12.50-", {}, "-12.5"),
        ("99999999999999.9999", {}, "99999999999999.9999"),
        ("1.234,50", GERMAN, "1234.5"),
        ("1234,5", GERMAN, "1234.5"),
        ("1.234", GERMAN, "1234"),
        ("-1.234.567,8912", GERMAN, "-1234567.8912"),
        ("1,5", {"decimal": ","}, "1.5"),
        ("1 000,5", {"decimal": ",", "thousands": " "}, "1000.5"),
        ("1,000.5", {"thousands": ","}, "1000.5"),
        ("1'000.5", {"thousands": "'"}, "1000.5"),
    ],
)
def test_decimals_are_exact(text: str, style: dict[str, Any], value: str) -> None:
    assert read(text, "decimal", **style) == (Decimal(value), None)


@pytest.mark.parametrize(
    ("text", "style", "reason"),
    [
        ("12.12345", {}, "more decimals than 4"),
        ("0,00001", GERMAN, "more decimals than 4"),
        ("999999999999999", {}, "too large"),
        ("abc", {}, "not a number"),
        ("1e5", {}, "not a number"),
        ("NaN", {}, "not a number"),
        ("-", {}, "not a number"),
        ("1.2.3", {}, "not a number"),
        ("1,5", {}, "not a number"),
        ("1.5", {"decimal": ","}, "not a number"),
        ("12.34,5", GERMAN, "odd places"),
        ("1.2345", GERMAN, "odd places"),
        ("1234.567,00", GERMAN, "odd places"),
        ("1,00.5", {"thousands": ","}, "odd places"),
        ("1,2,3", GERMAN, "not a number"),
    ],
)
def test_what_is_no_decimal_says_why(text: str, style: dict[str, Any], reason: str) -> None:
    value, told = read(text, "decimal", **style)
    assert value is None
    assert told is not None
    assert reason in told


@pytest.mark.parametrize(
    ("text", "kind", "expected"),
    [
        ("12", "integer", (12, None)),
        ("12.00", "integer", (12, None)),
        ("0012", "integer", (12, None)),
        ("12.5", "integer", (None, "more decimals than an integer has")),
        ("99999999999999999999", "integer", (None, "too large for an integer")),
        ("twelve", "integer", (None, "not a number")),
        ("1.5e3", "number", (1500.0, None)),
        ("inf", "number", (None, "not a number")),
        ("1e999", "number", (None, "too large for a number")),
        ("JA", "boolean", (True, None)),
        ("0", "boolean", (False, None)),
        ("perhaps", "boolean", (None, "neither true nor false")),
        ("  text ", "string", ("  text ", None)),
    ],
)
def test_other_types(text: str, kind: str, expected: tuple[Any, str | None]) -> None:
    assert read(text, kind) == expected


@pytest.mark.parametrize(
    ("text", "style", "value"),
    [
        ("2024-01-31", {}, date(2024, 1, 31)),
        ("31.01.2024", {"date_formats": ["%Y-%m-%d", "%d.%m.%Y"]}, date(2024, 1, 31)),
        ("2024-01-31", {"date_formats": ["%Y-%m-%d", "%d.%m.%Y"]}, date(2024, 1, 31)),
        ("1.2.2024", {"date_formats": ["%d.%m.%Y"]}, date(2024, 2, 1)),
        ("31.01.24", {"date_formats": ["%d.%m.%Y", "%d.%m.%y"]}, date(2024, 1, 31)),
        ("31.01.68", {"date_formats": ["%d.%m.%y"]}, date(2068, 1, 31)),
        ("31.01.69", {"date_formats": ["%d.%m.%y"]}, date(1969, 1, 31)),
        ("31.01.55", {"date_formats": ["%d.%m.%y"], "latest_two_digit_year": 2025}, date(1955, 1, 31)),
        ("31.01.25", {"date_formats": ["%d.%m.%y"], "latest_two_digit_year": 2025}, date(2025, 1, 31)),
        ("9999-12-31", {}, date(9999, 12, 31)),
        ("2024-01-31 17:30", {"date_formats": ["%Y-%m-%d %H:%M"]}, date(2024, 1, 31)),
    ],
)
def test_dates_in_the_first_format_that_fits(text: str, style: dict[str, Any], value: date) -> None:
    assert read(text, "date", **style) == (value, None)


@pytest.mark.parametrize("text", ["24-01-31", "2024-02-30", "2024-13-01", "31.01.2024", "2024-01-31x", "0000-00-00"])
def test_what_is_no_date_names_the_formats(text: str) -> None:
    assert read(text, "date") == (None, "no date like %Y-%m-%d")


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("2024-01-31 10:00:00", datetime(2024, 1, 31, 10, tzinfo=UTC)),
        ("2024-01-31T10:00:00", datetime(2024, 1, 31, 10, tzinfo=UTC)),
        ("2024-01-31T10:00:00Z", datetime(2024, 1, 31, 10, tzinfo=UTC)),
        ("2024-01-31 10:00:00 UTC", datetime(2024, 1, 31, 10, tzinfo=UTC)),
        ("2024-01-31T10:00:00.123456Z", datetime(2024, 1, 31, 10, 0, 0, 123456, tzinfo=UTC)),
        ("2024-01-31T10:00:00+02:00", datetime(2024, 1, 31, 8, tzinfo=UTC)),
        ("2024-01-31 10:00:00 -0530", datetime(2024, 1, 31, 15, 30, tzinfo=UTC)),
        ("2024-01-31T10:00:00.5+02", datetime(2024, 1, 31, 8, 0, 0, 500000, tzinfo=UTC)),
        ("2024-01-31 10:00", datetime(2024, 1, 31, 10, tzinfo=UTC)),
        ("2024-01-31", datetime(2024, 1, 31, tzinfo=UTC)),
    ],
)
def test_timestamps_in_iso_notation_become_utc(text: str, value: datetime) -> None:
    assert read(text, "timestamp") == (value.replace(tzinfo=None), None)


@pytest.mark.parametrize(
    "text",
    ["31.01.2024", "2024-01-31T25:00:00", "2024-01-31T10:00:60", "24-01-31 10:00:00", "2024-01-31T10:00:00+99:00"],
)
def test_what_is_no_timestamp_says_so(text: str) -> None:
    value, reason = read(text, "timestamp")
    assert value is None
    assert reason is not None
    assert "no timestamp" in reason


@pytest.mark.parametrize(
    ("text", "utc"),
    [
        ("2024-01-31 10:00:00", "2024-01-31 09:00:00"),
        ("2024-07-31 10:00:00", "2024-07-31 08:00:00"),
        ("2024-07-31 10:00:00Z", "2024-07-31 10:00:00"),
        ("2024-10-27 02:30:00", "2024-10-27 00:30:00"),
    ],
)
def test_local_times_take_the_time_zone_and_the_earlier_hour_when_clocks_go_back(text: str, utc: str) -> None:
    value, _ = read(text, "timestamp", time_zone="Europe/Berlin")
    assert str(value) == utc


def test_a_local_time_that_clocks_skipped_is_refused() -> None:
    told = (None, "does not exist in Europe/Berlin (clocks went forward)")
    assert read("2024-03-31 02:30:00", "timestamp", time_zone="Europe/Berlin") == told


@pytest.mark.parametrize(
    ("text", "formats", "utc"),
    [
        ("31.01.2024 10:00", ["%d.%m.%Y %H:%M"], "2024-01-31 10:00:00"),
        ("31.01.2024", ["%d.%m.%Y %H:%M", "%d.%m.%Y"], "2024-01-31 00:00:00"),
        ("2025-01-15 17:41:00 -0500", ["%Y-%m-%d %H:%M:%S %z"], "2025-01-15 22:41:00"),
        ("2025-01-15 17:41:00 -0500", ["%Y-%m-%d %H:%M:%S", "%Y-%m-%d %H:%M:%S %z"], "2025-01-15 22:41:00"),
        ("02/23/26 08:55 PM", ["%m/%d/%y %I:%M %p"], "2026-02-23 20:55:00"),
        ("1706695200", ["%s"], "2024-01-31 10:00:00"),
    ],
)
def test_timestamps_in_declared_formats(text: str, formats: list[str], utc: str) -> None:
    value, _ = read(text, "timestamp", timestamp_formats=formats)
    assert str(value) == utc


@pytest.mark.parametrize(
    ("value", "dtype", "kind", "expected"),
    [
        (3 * 19.95, pl.Float64(), "decimal", Decimal("59.85")),
        (12.123456, pl.Float64(), "decimal", None),
        (float("nan"), pl.Float64(), "decimal", None),
        (Decimal("1.123400"), pl.Decimal(20, 6), "decimal", Decimal("1.1234")),
        (Decimal("1.123456"), pl.Decimal(20, 6), "decimal", None),
        (7, pl.Int32(), "decimal", Decimal(7)),
        (7.0, pl.Float64(), "integer", 7),
        (7.5, pl.Float64(), "integer", None),
        (2**63, pl.UInt64(), "integer", None),
        (7, pl.Int64(), "number", 7.0),
        (12345.0, pl.Float64(), "string", "12345"),
        (1.5, pl.Float64(), "string", "1.5"),
        (1, pl.Int64(), "boolean", True),
        (True, pl.Boolean(), "integer", None),
        (date(2024, 1, 31), pl.Date(), "date", date(2024, 1, 31)),
        (datetime(2024, 1, 31, tzinfo=UTC).replace(tzinfo=None), pl.Datetime("us"), "date", date(2024, 1, 31)),
        (datetime(2024, 1, 31, 5, tzinfo=UTC).replace(tzinfo=None), pl.Datetime("us"), "date", None),
        (date(2024, 1, 31), pl.Date(), "string", "2024-01-31"),
        (["a"], pl.List(pl.String()), "integer", None),
        ("x", pl.String(), "string", "x"),
    ],
)
def test_typed_values_are_converted_without_loss(value: Any, dtype: pl.DataType, kind: str, expected: Any) -> None:
    assert converted(value, dtype, kind)[0] == expected


def test_typed_times_become_utc() -> None:
    local = datetime(2024, 7, 31, 10, tzinfo=UTC).replace(tzinfo=None)
    found, _ = converted(local, pl.Datetime("ms"), "timestamp", time_zone="Europe/Berlin")
    assert str(found) == "2024-07-31 08:00:00"
    zoned = datetime(2024, 7, 31, 8, tzinfo=UTC)
    found, _ = converted(zoned, pl.Datetime("ns", "Europe/Berlin"), "timestamp", time_zone="Asia/Tokyo")
    assert str(found) == "2024-07-31 08:00:00"

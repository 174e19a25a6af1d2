"""Values that have a type already (Parquet, SQL expressions), converted to a contract's types without loss."""

from __future__ import annotations

from collections.abc import Callable

import polars as pl

from dagster_project.ingestion.contracts import DECIMAL_SCALE, POLARS_TYPES
from dagster_project.ingestion.mappings import ValueFormat
from dagster_project.ingestion.parsing.numbers import parse_boolean, parse_decimal, parse_float, parse_integer
from dagster_project.ingestion.parsing.steps import Parsed, Steps
from dagster_project.ingestion.parsing.times import parse_date, parse_timestamp, to_utc

NOISE = 1e-9
"""A double this close (relatively) to a value of four decimals stands for that value."""
TEXT_PARSERS: dict[str, Callable[[pl.Expr, ValueFormat, Steps], Parsed]] = {
    "integer": parse_integer,
    "decimal": parse_decimal,
    "number": parse_float,
    "boolean": parse_boolean,
    "date": parse_date,
    "timestamp": parse_timestamp,
}


def as_text(value: pl.Expr, source: pl.DataType) -> pl.Expr:
    """A typed value as text: whole doubles without decimals, times in ISO notation, nested values as JSON."""
    if source.is_float():
        is_whole = (value == value.floor()) & (value.abs() < 2**53)
        whole = value.cast(pl.Int64, strict=False).cast(pl.String)
        return pl.when(is_whole).then(whole).otherwise(value.cast(pl.String))
    if isinstance(source, pl.Struct):
        return value.struct.json_encode()
    return value.cast(pl.String, strict=False)


def _to_decimal(value: pl.Expr, source: pl.DataType, style: ValueFormat, steps: Steps) -> Parsed:
    target = POLARS_TYPES["decimal"]
    spare = pl.lit(f"more decimals than {DECIMAL_SCALE}, or too large")
    if source.is_float():
        rounded = steps.keep(value.round(DECIMAL_SCALE))
        is_same = (value - rounded).abs() <= NOISE * pl.max_horizontal(value.abs(), 1.0)
        result = pl.when(is_same).then(rounded).cast(target, strict=False)
        return steps.parsed(result, pl.when(value.is_finite()).then(spare).otherwise(pl.lit("not a number")))
    if source.is_numeric():
        result = steps.keep(value.cast(target, strict=False))
        return steps.parsed(pl.when(result == value).then(result), spare)
    return _through_text("decimal", value, source, style, steps)


def _to_integer(value: pl.Expr, source: pl.DataType, style: ValueFormat, steps: Steps) -> Parsed:
    if source.is_numeric():
        result = steps.keep(value.cast(pl.Int64, strict=False))
        spare = pl.lit("more decimals than an integer has, or too large")
        return steps.parsed(pl.when(result == value).then(result), spare)
    return _through_text("integer", value, source, style, steps)


def _to_float(value: pl.Expr, source: pl.DataType, style: ValueFormat, steps: Steps) -> Parsed:
    if source.is_numeric():
        result = steps.keep(value.cast(pl.Float64, strict=False))
        return steps.parsed(pl.when(result.is_finite()).then(result), pl.lit("not a number"))
    return _through_text("number", value, source, style, steps)


def _to_boolean(value: pl.Expr, source: pl.DataType, style: ValueFormat, steps: Steps) -> Parsed:
    if source == pl.Boolean:
        return steps.parsed(value, pl.lit(""))
    return _through_text("boolean", value, source, style, steps)


def _to_date(value: pl.Expr, source: pl.DataType, style: ValueFormat, steps: Steps) -> Parsed:
    if source == pl.Date:
        return steps.parsed(value, pl.lit(""))
    if isinstance(source, pl.Datetime):
        is_midnight = value.dt.time() == pl.time(0, 0)
        return steps.parsed(pl.when(is_midnight).then(value.dt.date()), pl.lit("a date with a time of day"))
    return _through_text("date", value, source, style, steps)


def _to_timestamp(value: pl.Expr, source: pl.DataType, style: ValueFormat, steps: Steps) -> Parsed:
    if not isinstance(source, pl.Datetime | pl.Date):
        return _through_text("timestamp", value, source, style, steps)
    gap = pl.lit(f"does not exist in {style.time_zone} (clocks went forward)")
    if isinstance(source, pl.Datetime) and source.time_zone:
        in_utc = value.dt.convert_time_zone("UTC").dt.replace_time_zone(None)
        return steps.parsed(in_utc.cast(pl.Datetime("us")), gap)
    return steps.parsed(to_utc(value.cast(pl.Datetime("us")), style.time_zone), gap)


def _through_text(kind: str, value: pl.Expr, source: pl.DataType, style: ValueFormat, steps: Steps) -> Parsed:
    """Values of other types are read like text in neutral notation; what cannot mean the type is refused."""
    if source.is_nested() or source.is_temporal() or (source == pl.Boolean and kind != "boolean"):
        return Parsed((), pl.lit(None, dtype=POLARS_TYPES[kind]), pl.lit(f"not a {kind}"))
    text = steps.keep(as_text(value, source))
    return TEXT_PARSERS[kind](text, ValueFormat(time_zone=style.time_zone), steps)


CONVERTERS: dict[str, Callable[[pl.Expr, pl.DataType, ValueFormat, Steps], Parsed]] = {
    "integer": _to_integer,
    "decimal": _to_decimal,
    "number": _to_float,
    "boolean": _to_boolean,
    "date": _to_date,
    "timestamp": _to_timestamp,
}

"""Turns text (and typed source values) into the types of a contract as Polars expressions; nothing is rounded silently."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import polars as pl

from dagster_project.ingestion.contracts import DECIMAL_SCALE, POLARS_TYPES
from dagster_project.ingestion.mappings import ValueFormat

NOISE = 1e-9
"""A double this close (relatively) to a value of four decimals stands for that value."""
ISO_TIMESTAMPS = ("%Y-%m-%d %H:%M:%S", "%Y-%m-%d %H:%M:%S%.f", "%Y-%m-%d %H:%M", "%Y-%m-%d")
ISO_OFFSETS = ("%Y-%m-%d %H:%M:%S%.f%:z", "%Y-%m-%d %H:%M:%S%:z", "%Y-%m-%d %H:%M%:z")
_NUMBER = r"^[+-]?(?:\d+\.?\d*|\.\d+)$"
_EXPONENT = r"^[+-]?(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?$"


@dataclass(frozen=True)
class Parsed:
    """How one column is understood.

    Attributes:
        value: The typed value; null where the source value cannot be understood.
        reason: Why it cannot, as a sentence; only evaluated on rows where `value` is null and the source is not.
    """

    value: pl.Expr
    reason: pl.Expr


def parse_text(text: pl.Expr, kind: str, style: ValueFormat) -> Parsed:
    """Understand text as a contract type.

    Args:
        text: The source value, null where there is none.
        kind: A contract type.
        style: How values are written in the file.
    """
    if kind == "string":
        return Parsed(text, pl.lit("no text"))
    return _TEXT_PARSERS[kind](text.str.strip_chars(), style)


def convert_value(value: pl.Expr, source: pl.DataType, kind: str, style: ValueFormat) -> Parsed:
    """Understand a value that has a type already (Parquet, SQL expressions) as a contract type.

    Args:
        value: The source value.
        source: Its type.
        kind: A contract type.
        style: Gives the time zone of timestamps without one.
    """
    if kind == "string":
        return Parsed(_as_text(value, source), pl.lit("no text"))
    if source == pl.Null:
        return Parsed(value.cast(POLARS_TYPES[kind]), pl.lit("no value"))
    convert = _CONVERTERS[kind]
    return convert(value, source, style)


def _refused(kind: str) -> Parsed:
    return Parsed(pl.lit(None, dtype=POLARS_TYPES[kind]), pl.lit(f"not a {kind}"))


# Numbers written as text ---------------------------------------------------------------------------------------------


def _plain_number(text: pl.Expr, style: ValueFormat) -> pl.Expr:
    """The number with a decimal point and without separators; null when the separators stand in odd places."""
    number = text
    if style.thousands is not None:
        separator, point = _escaped(style.thousands), _escaped(style.decimal)
        grouped = rf"^[+-]?\d{{1,3}}(?:{separator}\d{{3}})+(?:{point}\d*)?-?$"
        has_separator = text.str.contains(style.thousands, literal=True)
        plain = text.str.replace_all(style.thousands, "", literal=True)
        number = pl.when(~has_separator).then(text).when(text.str.contains(grouped)).then(plain)
    if style.decimal != ".":
        foreign = number.str.contains(".", literal=True)
        number = pl.when(~foreign).then(number.str.replace(style.decimal, ".", literal=True))
        if style.thousands == ".":
            number = _with_comma(text, style)
    has_sign_behind = number.str.ends_with("-")
    return pl.when(has_sign_behind).then("-" + number.str.strip_suffix("-")).otherwise(number)


def _with_comma(text: pl.Expr, style: ValueFormat) -> pl.Expr:
    """German style: points group, the comma is decimal."""
    grouped = r"^[+-]?\d{1,3}(?:\.\d{3})+(?:,\d*)?-?$"
    has_point = text.str.contains(".", literal=True)
    plain = pl.when(~has_point).then(text).when(text.str.contains(grouped)).then(text.str.replace_all(".", "", literal=True))
    return plain.str.replace(style.decimal, ".", literal=True)


def _escaped(character: str) -> str:
    return rf"\{character}" if character in ".'" else character


def _number_reason(text: pl.Expr, style: ValueFormat, otherwise: pl.Expr, what: str, shape: str = _NUMBER) -> pl.Expr:
    """The sentence for text that is no number at all or badly grouped, else `otherwise`."""
    number = _plain_number(text, style)
    is_grouped = text.str.contains(style.thousands or "\0", literal=True)
    return (
        pl.when(number.is_null() & is_grouped)
        .then(pl.lit("thousands separators in odd places"))
        .when(number.is_null() | ~number.str.contains(shape))
        .then(pl.lit(f"not {what}"))
        .otherwise(otherwise)
    )


def _has_spare_decimals(number: pl.Expr, scale: int) -> pl.Expr:
    """Whether digits other than zero stand beyond `scale` decimals."""
    tail = number.str.strip_chars_end("0")
    decimals = tail.str.len_bytes().cast(pl.Int64) - tail.str.find(".", literal=True).cast(pl.Int64) - 1
    return number.str.contains(".", literal=True) & (decimals > scale)


def _decimal(text: pl.Expr, style: ValueFormat) -> Parsed:
    number = _plain_number(text, style)
    is_fine = number.str.contains(_NUMBER) & ~_has_spare_decimals(number, DECIMAL_SCALE)
    value = pl.when(is_fine).then(number).cast(POLARS_TYPES["decimal"], strict=False)
    spare = pl.when(_has_spare_decimals(number, DECIMAL_SCALE)).then(pl.lit(f"more decimals than {DECIMAL_SCALE}"))
    return Parsed(value, _number_reason(text, style, spare.otherwise(pl.lit("too large for decimal(18,4)")), "a number"))


def _integer(text: pl.Expr, style: ValueFormat) -> Parsed:
    number = _plain_number(text, style)
    whole = pl.when(number.str.contains(".", literal=True)).then(number.str.strip_chars_end("0").str.strip_suffix("."))
    value = whole.otherwise(number).cast(pl.Int64, strict=False)
    spare = pl.when(_has_spare_decimals(number, 0)).then(pl.lit("more decimals than an integer has"))
    return Parsed(value, _number_reason(text, style, spare.otherwise(pl.lit("too large for an integer")), "an integer"))


def _float(text: pl.Expr, style: ValueFormat) -> Parsed:
    number = _plain_number(text, style)
    value = pl.when(number.str.contains(_EXPONENT)).then(number).cast(pl.Float64, strict=False)
    finite = pl.when(value.is_finite()).then(value)
    return Parsed(finite, _number_reason(text, style, pl.lit("too large for a number"), "a number", _EXPONENT))


def _boolean(text: pl.Expr, style: ValueFormat) -> Parsed:
    folded = text.str.to_lowercase()
    value = (
        pl.when(folded.is_in([one.lower() for one in style.true_values]))
        .then(pl.lit(value=True))
        .when(folded.is_in([one.lower() for one in style.false_values]))
        .then(pl.lit(value=False))
    )
    return Parsed(value, pl.lit("neither true nor false"))


# Dates and times written as text ----------------------------------------------------------------------------------------


def _date(text: pl.Expr, style: ValueFormat) -> Parsed:
    parsed = [_one_date(text, one, style) for one in style.date_formats]
    return Parsed(pl.coalesce(parsed), pl.lit(f"no date like {' or '.join(style.date_formats)}"))


def _one_date(text: pl.Expr, date_format: str, style: ValueFormat) -> pl.Expr:
    if any(directive in date_format for directive in ("%H", "%I", "%s", "%T", "%R", "%M", "%p")):
        value = text.str.to_datetime(date_format, strict=False, time_unit="us").dt.date()
    else:
        value = text.str.to_date(date_format, strict=False)
    return _with_century(value, date_format, style)


def _with_century(value: pl.Expr, date_format: str, style: ValueFormat) -> pl.Expr:
    """Two-digit years fall into the declared century; four-digit formats take no shorter year."""
    if "%y" not in date_format:
        return pl.when(value.dt.year().is_between(1000, 9999)).then(value)
    latest = style.latest_two_digit_year
    shifted = pl.when(value.dt.year() > latest).then(value.dt.offset_by("-100y")).otherwise(value)
    result = pl.when(shifted.dt.year() <= latest - 100).then(shifted.dt.offset_by("100y")).otherwise(shifted)
    return pl.when(result.dt.day() == value.dt.day()).then(result)


def _timestamp(text: pl.Expr, style: ValueFormat) -> Parsed:
    local = _iso_local(text) if not style.timestamp_formats else _declared(text, style, with_offset=False)
    exact = _iso_exact(text) if not style.timestamp_formats else _declared(text, style, with_offset=True)
    parts = [] if local is None else [_to_utc(local, style.time_zone)]
    parts += [] if exact is None else [exact]
    shapes = " or ".join(style.timestamp_formats) or "2024-01-31 12:30:00 (ISO 8601)"
    reason = pl.lit(f"no timestamp like {shapes}")
    if local is not None and style.time_zone != "UTC":
        gap = f"does not exist in {style.time_zone} (clocks went forward)"
        reason = pl.when(local.is_not_null()).then(pl.lit(gap)).otherwise(reason)
    return Parsed(pl.coalesce(parts), reason)


def _iso_local(text: pl.Expr) -> pl.Expr:
    plain = text.str.replace("T", " ", literal=True)
    tries = [plain.str.to_datetime(one, strict=False, time_unit="us") for one in ISO_TIMESTAMPS]
    return _plausible(pl.coalesce(tries), plain)


def _iso_exact(text: pl.Expr) -> pl.Expr:
    plain = text.str.replace("T", " ", literal=True).str.replace(r"\s?[zZ]$", "+00:00")
    plain = plain.str.replace(r"([+-]\d{2})$", "$1:00")
    is_date_only = plain.str.len_bytes() <= len("2024-01-31")
    tries = [plain.str.to_datetime(one, strict=False, time_unit="us").dt.replace_time_zone(None) for one in ISO_OFFSETS]
    return pl.when(~is_date_only).then(_plausible(pl.coalesce(tries), plain))


def _plausible(value: pl.Expr, text: pl.Expr) -> pl.Expr:
    """Drop what the parser takes too kindly: years of two digits, signs, and a sixtieth second."""
    is_leap_second = text.str.slice(16, 3) == ":60"
    return pl.when(value.dt.year().is_between(1000, 9999) & ~is_leap_second).then(value)


def _declared(text: pl.Expr, style: ValueFormat, *, with_offset: bool) -> pl.Expr | None:
    """Values that fit a declared format; naive for formats without offset, UTC for those with one."""
    tries: list[pl.Expr] = []
    for one in style.timestamp_formats:
        if with_offset != ("%z" in one or "%:z" in one or "%#z" in one):
            continue
        padded = text.str.replace(r"\s?[zZ]$", "+00:00") if with_offset else text
        value = padded.str.to_datetime(one, strict=False, time_unit="us")
        value = value.dt.replace_time_zone(None) if with_offset else value
        tries.append(_with_century(value, one, style))
    return pl.coalesce(tries) if tries else None


def _to_utc(local: pl.Expr, time_zone: str) -> pl.Expr:
    """A local time as UTC: the earlier one when clocks went back, null when they skipped it."""
    if time_zone == "UTC":
        return local
    zoned = local.dt.replace_time_zone(time_zone, ambiguous="earliest", non_existent="null")
    return zoned.dt.convert_time_zone("UTC").dt.replace_time_zone(None)


# Values that have a type already ------------------------------------------------------------------------------------------


def _as_text(value: pl.Expr, source: pl.DataType) -> pl.Expr:
    if source.is_float():
        is_whole = (value == value.floor()) & (value.abs() < 2**53)
        return pl.when(is_whole).then(value.cast(pl.Int64, strict=False).cast(pl.String)).otherwise(value.cast(pl.String))
    if isinstance(source, pl.Struct):
        return value.struct.json_encode()
    if source == pl.Binary:
        return value.cast(pl.String, strict=False)
    return value.cast(pl.String)


def _to_decimal(value: pl.Expr, source: pl.DataType, style: ValueFormat) -> Parsed:
    target = POLARS_TYPES["decimal"]
    if source.is_float():
        rounded = value.round(DECIMAL_SCALE)
        is_same = (value - rounded).abs() <= NOISE * pl.max_horizontal(value.abs(), 1.0)
        result = pl.when(is_same).then(rounded).cast(target, strict=False)
        reason = pl.when(value.is_finite()).then(pl.lit(f"more decimals than {DECIMAL_SCALE}"))
        return Parsed(result, reason.otherwise(pl.lit("not a number")))
    if source.is_integer():
        return Parsed(value.cast(target, strict=False), pl.lit("too large for decimal(18,4)"))
    if source.is_decimal():
        result = value.cast(target, strict=False)
        return Parsed(pl.when(result == value).then(result), pl.lit(f"more decimals than {DECIMAL_SCALE} or too large"))
    return _through_text("decimal", value, source, style)


def _to_integer(value: pl.Expr, source: pl.DataType, style: ValueFormat) -> Parsed:
    if source.is_numeric():
        result = value.cast(pl.Int64, strict=False)
        return Parsed(pl.when(result == value).then(result), pl.lit("more decimals than an integer has, or too large"))
    return _through_text("integer", value, source, style)


def _to_float(value: pl.Expr, source: pl.DataType, style: ValueFormat) -> Parsed:
    if source.is_numeric():
        result = value.cast(pl.Float64, strict=False)
        return Parsed(pl.when(result.is_finite()).then(result), pl.lit("not a number"))
    return _through_text("number", value, source, style)


def _to_boolean(value: pl.Expr, source: pl.DataType, style: ValueFormat) -> Parsed:
    return Parsed(value, pl.lit("")) if source == pl.Boolean else _through_text("boolean", value, source, style)


def _to_date(value: pl.Expr, source: pl.DataType, style: ValueFormat) -> Parsed:
    if source == pl.Date:
        return Parsed(value, pl.lit(""))
    if isinstance(source, pl.Datetime):
        is_midnight = value.dt.time() == pl.time(0, 0)
        return Parsed(pl.when(is_midnight).then(value.dt.date()), pl.lit("a date with a time of day"))
    return _through_text("date", value, source, style)


def _to_timestamp(value: pl.Expr, source: pl.DataType, style: ValueFormat) -> Parsed:
    if not isinstance(source, pl.Datetime | pl.Date):
        return _through_text("timestamp", value, source, style)
    if isinstance(source, pl.Datetime) and source.time_zone:
        return Parsed(value.dt.convert_time_zone("UTC").dt.replace_time_zone(None).cast(pl.Datetime("us")), pl.lit(""))
    local = value.cast(pl.Datetime("us"))
    return Parsed(_to_utc(local, style.time_zone), pl.lit(f"does not exist in {style.time_zone} (clocks went forward)"))


def _through_text(kind: str, value: pl.Expr, source: pl.DataType, style: ValueFormat) -> Parsed:
    if source.is_nested() or source.is_temporal():
        return _refused(kind)
    return parse_text(_as_text(value, source), kind, ValueFormat(time_zone=style.time_zone))


_TEXT_PARSERS: dict[str, Callable[[pl.Expr, ValueFormat], Parsed]] = {
    "integer": _integer,
    "decimal": _decimal,
    "number": _float,
    "boolean": _boolean,
    "date": _date,
    "timestamp": _timestamp,
}
_CONVERTERS: dict[str, Callable[[pl.Expr, pl.DataType, ValueFormat], Parsed]] = {
    "integer": _to_integer,
    "decimal": _to_decimal,
    "number": _to_float,
    "boolean": _to_boolean,
    "date": _to_date,
    "timestamp": _to_timestamp,
}

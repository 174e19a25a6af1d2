"""Turns text and typed source values into a contract's types as Polars expressions; nothing is rounded silently."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import polars as pl

from dagster_project.ingestion.contracts import DECIMAL_SCALE, POLARS_TYPES
from dagster_project.ingestion.mappings import ValueFormat

NOISE = 1e-9
"""A double this close (relatively) to a value of four decimals stands for that value."""
_NUMBER = r"^[+-]?(?:\d+\.?\d*|\.\d+)$"
_EXPONENT = r"^[+-]?(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?$"
_DAY = "2024-01-31"
_TIME_DIRECTIVES = ("%H", "%I", "%s", "%T", "%R", "%M", "%p")
_OFFSET_DIRECTIVES = ("%z", "%:z", "%#z")


@dataclass(frozen=True)
class Parsed:
    """How one column is understood.

    Attributes:
        steps: Helper columns, to be added one after the other before `value` is evaluated.
        value: The typed value; null where the source value cannot be understood.
        reason: Why it cannot, as a sentence; only evaluated on rows where `value` is null and the source is not.
    """

    steps: tuple[pl.Expr, ...]
    value: pl.Expr
    reason: pl.Expr


class _Steps:
    """Collects helper columns, so that an expression used twice is evaluated once.

    Args:
        name: Prefix of their names, unique to the column.
    """

    def __init__(self, name: str) -> None:
        self._name = name
        self.columns: list[pl.Expr] = []

    def keep(self, expression: pl.Expr) -> pl.Expr:
        """Make a helper column of an expression."""
        name = f"{self._name}:{len(self.columns)}"
        self.columns.append(expression.alias(name))
        return pl.col(name)

    def parsed(self, value: pl.Expr, reason: pl.Expr) -> Parsed:
        """The finished column."""
        return Parsed(tuple(self.columns), value, reason)


def parse_text(text: pl.Expr, kind: str, style: ValueFormat, *, name: str) -> Parsed:
    """Understand text as a contract type.

    Args:
        text: The source value, null where there is none.
        kind: A contract type.
        style: How values are written in the file.
        name: Prefix for helper columns, unique to the column.
    """
    if kind == "string":
        return Parsed((), text, pl.lit("no text"))
    steps = _Steps(name)
    return _TEXT_PARSERS[kind](steps.keep(text.str.strip_chars()), style, steps)


def convert_value(value: pl.Expr, source: pl.DataType, kind: str, style: ValueFormat, *, name: str) -> Parsed:
    """Understand a value that has a type already (Parquet, SQL expressions) as a contract type.

    Args:
        value: The source value.
        source: Its type.
        kind: A contract type.
        style: Gives the time zone of timestamps without one.
        name: Prefix for helper columns, unique to the column.
    """
    if kind == "string":
        return Parsed((), as_text(value, source), pl.lit("no text"))
    if source == pl.Null:
        return Parsed((), value.cast(POLARS_TYPES[kind]), pl.lit("no value"))
    return _CONVERTERS[kind](value, source, style, _Steps(name))


# Numbers written as text ---------------------------------------------------------------------------------------------


def plain_number(text: pl.Expr, style: ValueFormat) -> pl.Expr:
    """Number text with a decimal point and without separators; null when the separators stand in odd places.

    Args:
        text: Text without blanks around it.
        style: How numbers are written in the file.
    """
    number = text
    if style.thousands is not None:
        separator, point = _escaped(style.thousands), _escaped(style.decimal)
        grouped = rf"^[+-]?\d{{1,3}}(?:{separator}\d{{3}})+(?:{point}\d*)?-?$"
        has_separator = text.str.contains(style.thousands, literal=True)
        bare = text.str.replace_all(style.thousands, "", literal=True)
        number = pl.when(~has_separator).then(text).when(text.str.contains(grouped)).then(bare)
    elif style.decimal != ".":
        number = pl.when(~text.str.contains(".", literal=True)).then(text)
    if style.decimal != ".":
        number = number.str.replace(style.decimal, ".", literal=True)
    return pl.when(text.str.ends_with("-")).then("-" + number.str.strip_suffix("-")).otherwise(number)


def _escaped(character: str) -> str:
    return rf"\{character}" if character in ".'" else character


def _number_reason(number: pl.Expr, text: pl.Expr, style: ValueFormat, otherwise: pl.Expr, *, shape: str) -> pl.Expr:
    """The sentence for text that is no number at all or badly grouped, else `otherwise`."""
    is_grouped = text.str.contains(style.thousands or "\0", literal=True)
    return (
        pl.when(number.is_null() & is_grouped)
        .then(pl.lit("thousands separators in odd places"))
        .when(number.is_null() | ~number.str.contains(shape))
        .then(pl.lit("not a number"))
        .otherwise(otherwise)
    )


def _has_spare_decimals(number: pl.Expr, scale: int) -> pl.Expr:
    """Whether digits other than zero stand beyond `scale` decimals."""
    tail = number.str.strip_chars_end("0")
    decimals = tail.str.len_bytes().cast(pl.Int64) - tail.str.find(".", literal=True).cast(pl.Int64) - 1
    return number.str.contains(".", literal=True) & (decimals > scale)


def _decimal(text: pl.Expr, style: ValueFormat, steps: _Steps) -> Parsed:
    number = steps.keep(plain_number(text, style))
    is_fine = number.str.contains(_NUMBER) & ~_has_spare_decimals(number, DECIMAL_SCALE)
    value = pl.when(is_fine).then(number).cast(POLARS_TYPES["decimal"], strict=False)
    spare = pl.when(_has_spare_decimals(number, DECIMAL_SCALE)).then(pl.lit(f"more decimals than {DECIMAL_SCALE}"))
    reason = spare.otherwise(pl.lit("too large for decimal(18,4)"))
    return steps.parsed(value, _number_reason(number, text, style, reason, shape=_NUMBER))


def _integer(text: pl.Expr, style: ValueFormat, steps: _Steps) -> Parsed:
    number = steps.keep(plain_number(text, style))
    whole = pl.when(number.str.contains(".", literal=True)).then(number.str.strip_chars_end("0").str.strip_suffix("."))
    value = whole.otherwise(number).cast(pl.Int64, strict=False)
    spare = pl.when(_has_spare_decimals(number, 0)).then(pl.lit("more decimals than an integer has"))
    reason = spare.otherwise(pl.lit("too large for an integer"))
    return steps.parsed(value, _number_reason(number, text, style, reason, shape=_NUMBER))


def _float(text: pl.Expr, style: ValueFormat, steps: _Steps) -> Parsed:
    number = steps.keep(plain_number(text, style))
    value = steps.keep(pl.when(number.str.contains(_EXPONENT)).then(number).cast(pl.Float64, strict=False))
    finite = pl.when(value.is_finite()).then(value)
    too_large = pl.lit("too large for a number")
    return steps.parsed(finite, _number_reason(number, text, style, too_large, shape=_EXPONENT))


def _boolean(text: pl.Expr, style: ValueFormat, steps: _Steps) -> Parsed:
    folded = steps.keep(text.str.to_lowercase())
    value = (
        pl.when(folded.is_in([one.lower() for one in style.true_values]))
        .then(pl.lit(value=True))
        .when(folded.is_in([one.lower() for one in style.false_values]))
        .then(pl.lit(value=False))
    )
    return steps.parsed(value, pl.lit("neither true nor false"))


# Dates and times written as text -------------------------------------------------------------------------------------


def _date(text: pl.Expr, style: ValueFormat, steps: _Steps) -> Parsed:
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
    steps: _Steps,
) -> pl.Expr:
    """The value by the first format that fits; each format only sees what the ones before it could not read."""
    found: pl.Expr | None = None
    for one in formats:
        rest = text if found is None else steps.keep(pl.when(found.is_null()).then(text))
        value = _with_century(steps.keep(attempt(rest, one)), one, style, steps)
        found = value if found is None else steps.keep(pl.coalesce(found, value))
    return pl.lit(None) if found is None else found


def _with_century(value: pl.Expr, date_format: str, style: ValueFormat, steps: _Steps) -> pl.Expr:
    """Two-digit years fall into the declared century; four-digit formats take no shorter year."""
    if "%y" not in date_format:
        return steps.keep(pl.when(value.dt.year().is_between(1000, 9999)).then(value))
    latest = style.latest_two_digit_year
    late = steps.keep(pl.when(value.dt.year() > latest).then(value.dt.offset_by("-100y")).otherwise(value))
    early = steps.keep(pl.when(late.dt.year() <= latest - 100).then(late.dt.offset_by("100y")).otherwise(late))
    return steps.keep(pl.when(early.dt.day() == value.dt.day()).then(early))


def _timestamp(text: pl.Expr, style: ValueFormat, steps: _Steps) -> Parsed:
    if style.timestamp_formats:
        local, exact = _declared_times(text, style, steps)
    else:
        local, exact = _iso_times(text, steps)
    in_utc = steps.keep(_to_utc(local, style.time_zone))
    reason = pl.lit(f"no timestamp like {' or '.join(style.timestamp_formats) or f'{_DAY} 12:30:00 (ISO 8601)'}")
    gap = pl.lit(f"does not exist in {style.time_zone} (clocks went forward)")
    return steps.parsed(pl.coalesce(exact, in_utc), pl.when(local.is_not_null()).then(gap).otherwise(reason))


def _iso_times(text: pl.Expr, steps: _Steps) -> tuple[pl.Expr, pl.Expr]:
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


def _iso_shapes(text: pl.Expr, steps: _Steps) -> pl.Expr:
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


def _declared_times(text: pl.Expr, style: ValueFormat, steps: _Steps) -> tuple[pl.Expr, pl.Expr]:
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


def _to_utc(local: pl.Expr, time_zone: str) -> pl.Expr:
    """A local time as UTC: the earlier one when clocks went back, null when they skipped it."""
    if time_zone == "UTC":
        return local
    zoned = local.dt.replace_time_zone(time_zone, ambiguous="earliest", non_existent="null")
    return zoned.dt.convert_time_zone("UTC").dt.replace_time_zone(None)


# Values that have a type already -------------------------------------------------------------------------------------


def as_text(value: pl.Expr, source: pl.DataType) -> pl.Expr:
    """A typed value as text: whole doubles without decimals, times in ISO notation, nested values as JSON."""
    if source.is_float():
        is_whole = (value == value.floor()) & (value.abs() < 2**53)
        whole = value.cast(pl.Int64, strict=False).cast(pl.String)
        return pl.when(is_whole).then(whole).otherwise(value.cast(pl.String))
    if isinstance(source, pl.Struct):
        return value.struct.json_encode()
    return value.cast(pl.String, strict=False)


def _to_decimal(value: pl.Expr, source: pl.DataType, style: ValueFormat, steps: _Steps) -> Parsed:
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


def _to_integer(value: pl.Expr, source: pl.DataType, style: ValueFormat, steps: _Steps) -> Parsed:
    if source.is_numeric():
        result = steps.keep(value.cast(pl.Int64, strict=False))
        spare = pl.lit("more decimals than an integer has, or too large")
        return steps.parsed(pl.when(result == value).then(result), spare)
    return _through_text("integer", value, source, style, steps)


def _to_float(value: pl.Expr, source: pl.DataType, style: ValueFormat, steps: _Steps) -> Parsed:
    if source.is_numeric():
        result = steps.keep(value.cast(pl.Float64, strict=False))
        return steps.parsed(pl.when(result.is_finite()).then(result), pl.lit("not a number"))
    return _through_text("number", value, source, style, steps)


def _to_boolean(value: pl.Expr, source: pl.DataType, style: ValueFormat, steps: _Steps) -> Parsed:
    if source == pl.Boolean:
        return steps.parsed(value, pl.lit(""))
    return _through_text("boolean", value, source, style, steps)


def _to_date(value: pl.Expr, source: pl.DataType, style: ValueFormat, steps: _Steps) -> Parsed:
    if source == pl.Date:
        return steps.parsed(value, pl.lit(""))
    if isinstance(source, pl.Datetime):
        is_midnight = value.dt.time() == pl.time(0, 0)
        return steps.parsed(pl.when(is_midnight).then(value.dt.date()), pl.lit("a date with a time of day"))
    return _through_text("date", value, source, style, steps)


def _to_timestamp(value: pl.Expr, source: pl.DataType, style: ValueFormat, steps: _Steps) -> Parsed:
    if not isinstance(source, pl.Datetime | pl.Date):
        return _through_text("timestamp", value, source, style, steps)
    gap = pl.lit(f"does not exist in {style.time_zone} (clocks went forward)")
    if isinstance(source, pl.Datetime) and source.time_zone:
        in_utc = value.dt.convert_time_zone("UTC").dt.replace_time_zone(None)
        return steps.parsed(in_utc.cast(pl.Datetime("us")), gap)
    return steps.parsed(_to_utc(value.cast(pl.Datetime("us")), style.time_zone), gap)


def _through_text(kind: str, value: pl.Expr, source: pl.DataType, style: ValueFormat, steps: _Steps) -> Parsed:
    """Values of other types are read like text in neutral notation; what cannot mean the type is refused."""
    if source.is_nested() or source.is_temporal() or (source == pl.Boolean and kind != "boolean"):
        return Parsed((), pl.lit(None, dtype=POLARS_TYPES[kind]), pl.lit(f"not a {kind}"))
    text = steps.keep(as_text(value, source))
    return _TEXT_PARSERS[kind](text, ValueFormat(time_zone=style.time_zone), steps)


_TEXT_PARSERS: dict[str, Callable[[pl.Expr, ValueFormat, _Steps], Parsed]] = {
    "integer": _integer,
    "decimal": _decimal,
    "number": _float,
    "boolean": _boolean,
    "date": _date,
    "timestamp": _timestamp,
}
_CONVERTERS: dict[str, Callable[[pl.Expr, pl.DataType, ValueFormat, _Steps], Parsed]] = {
    "integer": _to_integer,
    "decimal": _to_decimal,
    "number": _to_float,
    "boolean": _to_boolean,
    "date": _to_date,
    "timestamp": _to_timestamp,
}

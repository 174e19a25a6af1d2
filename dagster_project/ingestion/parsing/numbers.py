"""Numbers and truth values written as text, in any notation a mapping can declare; dates live next door."""

from __future__ import annotations

import polars as pl

from dagster_project.ingestion.contracts import DECIMAL_SCALE, POLARS_TYPES
from dagster_project.ingestion.mappings import ValueFormat
from dagster_project.ingestion.parsing.steps import Parsed, Steps

_NUMBER = r"^[+-]?(?:\d+\.?\d*|\.\d+)$"
_EXPONENT = r"^[+-]?(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?$"


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


def parse_decimal(text: pl.Expr, style: ValueFormat, steps: Steps) -> Parsed:
    """Exact numbers of up to four decimals; more decimals than that are refused, not rounded."""
    number = steps.keep(plain_number(text, style))
    is_fine = number.str.contains(_NUMBER) & ~_has_spare_decimals(number, DECIMAL_SCALE)
    value = pl.when(is_fine).then(number).cast(POLARS_TYPES["decimal"], strict=False)
    spare = pl.when(_has_spare_decimals(number, DECIMAL_SCALE)).then(pl.lit(f"more decimals than {DECIMAL_SCALE}"))
    reason = spare.otherwise(pl.lit("too large for decimal(18,4)"))
    return steps.parsed(value, _number_reason(number, text, style, reason, shape=_NUMBER))


def parse_integer(text: pl.Expr, style: ValueFormat, steps: Steps) -> Parsed:
    """Whole numbers, also when written with decimals that are zero."""
    number = steps.keep(plain_number(text, style))
    whole = pl.when(number.str.contains(".", literal=True)).then(number.str.strip_chars_end("0").str.strip_suffix("."))
    value = whole.otherwise(number).cast(pl.Int64, strict=False)
    spare = pl.when(_has_spare_decimals(number, 0)).then(pl.lit("more decimals than an integer has"))
    reason = spare.otherwise(pl.lit("too large for an integer"))
    return steps.parsed(value, _number_reason(number, text, style, reason, shape=_NUMBER))


def parse_float(text: pl.Expr, style: ValueFormat, steps: Steps) -> Parsed:
    """Floating point numbers, also with an exponent; infinity is none."""
    number = steps.keep(plain_number(text, style))
    value = steps.keep(pl.when(number.str.contains(_EXPONENT)).then(number).cast(pl.Float64, strict=False))
    finite = pl.when(value.is_finite()).then(value)
    too_large = pl.lit("too large for a number")
    return steps.parsed(finite, _number_reason(number, text, style, too_large, shape=_EXPONENT))


def parse_boolean(text: pl.Expr, style: ValueFormat, steps: Steps) -> Parsed:
    """The words the format declares for true and false, in any case."""
    folded = steps.keep(text.str.to_lowercase())
    value = (
        pl.when(folded.is_in([one.lower() for one in style.true_values]))
        .then(pl.lit(value=True))
        .when(folded.is_in([one.lower() for one in style.false_values]))
        .then(pl.lit(value=False))
    )
    return steps.parsed(value, pl.lit("neither true nor false"))

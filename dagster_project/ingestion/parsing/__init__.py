"""Turns text and typed source values into a contract's types as Polars expressions; nothing is rounded silently."""

from __future__ import annotations

import polars as pl

from dagster_project.ingestion.contracts import POLARS_TYPES
from dagster_project.ingestion.mappings import ValueFormat
from dagster_project.ingestion.parsing.numbers import plain_number
from dagster_project.ingestion.parsing.steps import Parsed, Steps
from dagster_project.ingestion.parsing.typed import CONVERTERS, TEXT_PARSERS, as_text

__all__ = ["Parsed", "as_text", "convert_value", "parse_text", "plain_number"]


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
    steps = Steps(name)
    return TEXT_PARSERS[kind](steps.keep(text.str.strip_chars()), style, steps)


def convert_value(value: pl.Expr, source: pl.DataType, kind: str, style: ValueFormat, *, name: str) -> Parsed:
    """Understand a value that has a type already as a contract type.

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
    return CONVERTERS[kind](value, source, style, Steps(name))

"""Rows as a table for people, CSV for spreadsheets or JSON for machines; where they come from does not matter here."""

from __future__ import annotations

import csv
import json
from collections.abc import Iterable, Sequence
from datetime import date, datetime, timedelta
from decimal import Decimal
from enum import StrEnum
from typing import IO, Any

from rich.console import Console
from rich.markup import escape
from rich.table import Table

from dagster_project.console.figures import MISSING

SHOWN_ROWS = 200
PIPE_WIDTH = 2_000


class Format(StrEnum):
    """How rows are written."""

    TABLE = "table"
    CSV = "csv"
    JSON = "json"


def write_csv(columns: Sequence[str], rows: Iterable[Sequence[Any]], *, stream: IO[str]) -> None:
    """Write a header and all rows; empty means null."""
    writer = csv.writer(stream, lineterminator="\n")
    writer.writerow(columns)
    writer.writerows(["" if value is None else value for value in row] for row in rows)


def write_json(columns: Sequence[str], rows: Iterable[Sequence[Any]], *, stream: IO[str]) -> None:
    """Write a list of objects, one per line."""
    stream.write("[")
    separator = "\n"
    for row in rows:
        document = dict(zip(columns, row, strict=True))
        stream.write(separator + json.dumps(document, default=plain, ensure_ascii=False))
        separator = ",\n"
    stream.write("\n]\n")


def print_table(
    columns: Sequence[str], rows: Sequence[Sequence[Any]], *, console: Console, limit: int | None = SHOWN_ROWS
) -> None:
    """Print rows for people: numbers to the right, nulls as a dash, not more than fits a reader's patience."""
    shown = rows if limit is None else rows[:limit]
    table = Table(box=None, padding=(0, 2, 0, 0), header_style="bold", pad_edge=False)
    for position, name in enumerate(columns):
        is_number = any(isinstance(row[position], int | float | Decimal) for row in shown)
        table.add_column(escape(name), justify="right" if is_number else "left", overflow="fold")
    for row in shown:
        table.add_row(*(_cell(value) for value in row))
    _roomy(console).print(table)
    if len(rows) > len(shown):
        console.print("[dim]… there are more rows; --format csv writes them all.[/dim]")


def plain(value: Any) -> str | float | int:
    """A value JSON does not know, as one it knows."""
    if isinstance(value, Decimal):
        return int(value) if value == value.to_integral_value() and value.as_tuple().exponent == 0 else float(value)
    if isinstance(value, datetime):
        return value.isoformat(sep=" ")
    if isinstance(value, date):
        return value.isoformat()
    if isinstance(value, timedelta):
        return value.total_seconds()
    return str(value)


def _roomy(console: Console) -> Console:
    """A pipe has no edge: rows stay on one line there, for grep and friends."""
    return console if console.is_terminal else Console(file=console.file, width=PIPE_WIDTH, highlight=False)


def _cell(value: Any) -> str:
    if value is None:
        return f"[dim]{MISSING}[/dim]"
    if isinstance(value, float):
        return f"{value:,.4f}".rstrip("0").rstrip(".")
    return escape(str(value))

"""Shows what a file would become before it is loaded, column by column; the judging is done by ingestion."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rich.console import Console
from rich.markup import escape
from rich.table import Table

from dagster_project.console import figures

if TYPE_CHECKING:
    from dagster_project.ingestion import ColumnCheck, FileCheck

SHOWN_VALUE = 14
SHOWN_TEXT = 60


def print_verdict(check: FileCheck, *, console: Console) -> None:
    """Print one feed of one file: the verdict, its columns, and the first bad rows."""
    counts = check.counts
    console.print(f"[head]{escape(check.path)}[/head] as {check.source_system}/{check.mapping}, feed {check.feed}")
    if check.would_refuse:
        console.print(f"  [bad]✗ would be refused:[/bad] {escape(check.reason)}")
    else:
        console.print(f"  [good]✓ would load[/good] as {check.mode} batch of {check.batch_date}")
    console.print(
        f"  {counts.source_rows:,} rows in the file: {counts.filtered_rows:,} filtered, "
        f"{counts.loaded_rows:,} to load, {counts.quarantined_rows:,} bad, {counts.duplicate_rows:,} duplicates"
    )
    for note in check.notes:
        console.print(f"  [quiet]{escape(note)}[/quiet]")
    if check.columns:
        console.print(_columns(check.columns))
    if check.bad_rows:
        console.print(_bad_rows(check))
    console.print()


def _columns(columns: tuple[ColumnCheck, ...]) -> Table:
    table = _table("column", "type", "from", "filled", "lowest", "highest", "bad")
    for one in columns:
        table.add_row(
            f"{one.column}{'*' if one.required else ''}",
            one.type,
            escape(figures.shortened(one.source, SHOWN_VALUE)) if one.source else "[quiet]not filled[/quiet]",
            f"{one.filled_share:.0%}" if one.source else "",
            escape(figures.shortened(one.minimum or "", SHOWN_VALUE)),
            escape(figures.shortened(one.maximum or "", SHOWN_VALUE)),
            f"[bad]{one.bad_count:,}[/bad]" if one.bad_count else "",
        )
    return table


def _bad_rows(check: FileCheck) -> Table:
    table = _table("line", "column", "reason", "original text")
    table.title, table.title_justify, table.title_style = "first bad rows", "left", "quiet"
    for row in check.bad_rows:
        text = figures.shortened(row.original_text, SHOWN_TEXT)
        table.add_row(str(row.line), row.column_name or "", escape(row.reason), escape(text))
    return table


def _table(*columns: str) -> Table:
    table = Table(box=None, padding=(0, 1, 0, 1), header_style="quiet", pad_edge=False)
    for name in columns:
        table.add_column(name, overflow="fold", no_wrap=name in ("column", "type", "from", "line"))
    return table

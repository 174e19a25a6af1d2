"""Runs beside each other: a line per night with its cost, and what has grown; the comparison itself is the night's."""

from __future__ import annotations

import json
from collections.abc import Iterable

from rich.console import Console, Group
from rich.table import Table
from rich.text import Text

from dagster_project.console import figures
from dagster_project.nightly.history import GROUPS, GROWN, PEAK, REST, ROWS, TOTAL, NightCost

_MARKS = {"fine": "[good]✓[/good]", "warnings": "[warning]![/warning]", "failed": "[bad]✗[/bad]"}
_UP = "▲"


def print_costs(costs: Iterable[NightCost], *, console: Console) -> None:
    """Print a line per run, newest first; it fits 100 columns.

    Args:
        costs: The runs.
        console: Where to.
    """
    table = Table(box=None, padding=(0, 1, 0, 0), header_style="quiet", pad_edge=False)
    for name in ("night", ""):
        table.add_column(name, no_wrap=True)
    for name in ("took", "usual", *GROUPS, "rows in", "MiB"):
        table.add_column(name, justify="right", no_wrap=True)
    for cost in costs:
        cells = [_cell(cost, name) for name in (*GROUPS, ROWS, PEAK)]
        table.add_row(str(cost.as_of or ""), _MARKS[cost.outcome], _cell(cost, TOTAL), _usual(cost), *cells)
    words = (
        f"Seconds; {REST}: preparation and pages. usual: as a multiple of the median of the nights before.\n"
        f"{_UP} more than {GROWN} times that median. Parts of nights are not compared."
    )
    console.print(Group(table, Text(words, style="quiet")))


def costs_as_json(costs: Iterable[NightCost]) -> str:
    """The same for machines: figures, medians before, and the names of what has grown."""
    return json.dumps(
        [
            {
                "run_id": cost.run_id,
                "as_of": cost.as_of.isoformat() if cost.as_of else None,
                "started_at": cost.started_at.isoformat(),
                "outcome": cost.outcome,
                "is_complete": cost.is_complete,
                "figures": {name: round(value, 2) for name, value in cost.figures.items()},
                "medians_before": {name: round(value, 2) for name, value in cost.medians.items()},
                "grown": list(cost.grown),
            }
            for cost in costs
        ],
        indent=2,
    )


def _cell(cost: NightCost, name: str) -> str:
    value = cost.figures.get(name)
    if value is None:
        return figures.MISSING
    text = f"{value:,.0f}" if name in (ROWS, PEAK) or value >= 1_000 else f"{value:.1f}"
    return f"[bad]{text}{_UP}[/bad]" if cost.has_grown(name) else f"{text} "


def _usual(cost: NightCost) -> str:
    ratio = cost.ratio(TOTAL)
    return "" if ratio is None else f"\N{MULTIPLICATION SIGN}{ratio:.2f}"

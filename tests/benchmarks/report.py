"""Keeps what was measured of each size, and shows it: as tables, and as the page docs/guides/benchmark.md."""

from __future__ import annotations

import json
import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from datetime import date
from importlib.metadata import version
from typing import Any

from rich.table import Table

from dagster_project.settings import PROJECT_ROOT
from tests.benchmarks.watching import Measured

MEASURED = PROJECT_ROOT / "docs" / "guides" / "benchmark.json"
PAGE = MEASURED.with_suffix(".md")
NIGHTS = ("full night", "one day's files", "nothing new")
ORDER = ("demo", "S", "M", "L")


@dataclass
class Figures:
    """What was measured of one size, by name: seconds, MiB, rows delivered, bytes, seconds of each night's steps."""

    size: str
    customers: int
    seconds: dict[str, float] = field(default_factory=dict)
    peak_mib: dict[str, float] = field(default_factory=dict)
    rows: int = 0
    bytes: dict[str, int] = field(default_factory=dict)
    steps: dict[str, dict[str, float]] = field(default_factory=dict)

    def note(self, name: str, measured: Measured, *, steps: Sequence[Mapping[str, Any]] = ()) -> None:
        """Keep what a command took."""
        self.seconds[name], self.peak_mib[name] = measured.seconds, measured.peak_mib
        if steps:
            self.steps[name] = {str(step["step"]): float(step["seconds"]) for step in steps}


def remember(figures: Figures) -> None:
    """Put one size's figures in the place of its older ones."""
    kept = _kept() | {figures.size: asdict(figures) | {"measured_on": date.today().isoformat()}}  # noqa: DTZ011
    MEASURED.write_text(json.dumps(kept, indent=1) + "\n")


def _kept() -> dict[str, dict[str, Any]]:
    kept: dict[str, dict[str, Any]] = json.loads(MEASURED.read_text()) if MEASURED.exists() else {}
    return {size: kept[size] for size in ORDER if size in kept}


def tables() -> Iterator[Table]:
    """Costs by size, ratios against their goals, and the steps of each night."""
    for title, heads, rows in _contents():
        table = Table(title=title)
        for number, head in enumerate(heads):
            table.add_column(head, justify="right" if number else "left")
        for row in rows:
            table.add_row(*row)
        yield table


def write_page() -> None:
    """Write the page that the docs show."""
    said = (
        f'Written by `make bench SIZES="demo S M L"` (Kreislauf {version("kreislauf")}): two cores, an otherwise idle\n'
        "machine; each size in one run with its bare counterparts. What it means is told in [speed.md](speed.md)."
    )
    parts = ["# What was measured", said]
    for title, heads, rows in _contents():
        lines = [" | ".join(row) for row in [heads, ["---"] + ["---:"] * (len(heads) - 1), *rows]]
        parts.append(f"## {title}\n\n" + "\n".join(f"| {line} |" for line in lines))
    PAGE.write_text("\n\n".join(parts) + "\n")


def _contents() -> Iterator[tuple[str, list[str], list[list[str]]]]:
    kept = _kept()
    heads = ["", *(f"{size}: {one['customers']:,} customers" for size, one in kept.items())]
    yield "Costs", heads, [[name, *(_cost(one, name) for one in kept.values())] for name in _COSTS]
    yield (
        "Ratios and their goals",
        heads,
        [[name, *(_ratio(one, parts) for one in kept.values())] for name, parts in _RATIOS],
    )
    yield "Growth", ["", *(f"{a} to {b}" for a, b in zip(list(kept), list(kept)[1:], strict=False))], _growth(kept)
    for night in NIGHTS:
        steps = list(dict.fromkeys(step for one in kept.values() for step in one["steps"].get(night, {})))
        yield (
            f"Seconds of each step: {night}",
            heads,
            [[step, *(f"{one['steps'].get(night, {}).get(step, 0):.1f}" for one in kept.values())] for step in steps],
        )


_COSTS = (
    *(
        "exports, MiB",
        "rows delivered",
        "simulation, s",
        "simulation, peak MiB",
        "read bare, s",
        "read with contract, s",
    ),
    *(f"{night}, {unit}" for night in NIGHTS for unit in ("s", "peak MiB")),
    *("built bare, s", "warehouse, MiB", "published, MiB"),
)
_RATIOS = (
    ("read with contract / read bare (≤ 2.0)", (("read with contract",), ("read bare",))),
    ("full night / read and built bare (≤ 1.5 at L)", (("full night",), ("read bare", "built bare"))),
    ("one day's files / full night (≤ 0.10 at L)", (("one day's files",), ("full night",))),
)


def _cost(one: Mapping[str, Any], name: str) -> str:
    what, _, unit = name.partition(", ")
    if what == "rows delivered":
        return f"{one['rows']:,}"
    if unit == "MiB":
        return f"{one['bytes'][what] / 2**20:,.0f}"
    return f"{one['seconds'][what]:,.1f}" if unit == "s" else f"{one['peak_mib'][what]:,.0f}"


def _ratio(one: Mapping[str, Any], parts: tuple[tuple[str, ...], tuple[str, ...]]) -> str:
    above, below = (sum(one["seconds"][name] for name in names) for names in parts)
    return f"{above / below:.2f}"


def _growth(kept: Mapping[str, Mapping[str, Any]]) -> list[list[str]]:
    """By what the seconds grow when the customers double, from each size to the next."""
    pairs = list(zip(list(kept.values()), list(kept.values())[1:], strict=False))
    return [
        [f"{night}: when customers double", *(f"x {_doubling(a, b, night):.2f}" for a, b in pairs)] for night in NIGHTS
    ]


def _doubling(a: Mapping[str, Any], b: Mapping[str, Any], night: str) -> float:
    doublings = math.log2(b["customers"] / a["customers"])
    return float((b["seconds"][night] / a["seconds"][night]) ** (1 / doublings))

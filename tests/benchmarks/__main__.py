"""`make bench`: a company of each size, its ingestion and its nights, each beside its bare counterpart."""

from __future__ import annotations

import argparse
import json
import shutil
import tempfile
from collections.abc import Iterator
from datetime import date, timedelta
from pathlib import Path
from typing import Any

from rich.console import Console

from dagster_project.settings import load_settings
from dagster_project.transformation import dbt_layout
from tests.benchmarks.bare import build_bare, read_bare
from tests.benchmarks.report import Figures, remember, tables, write_page
from tests.benchmarks.watching import Measured, run

SIZES = {"demo": 2_000, "S": 10_000, "M": 100_000, "L": 1_000_000}
START, MONTHS, SEED = "2023-01-01", "36", "7"
LAST_DAY = date(2025, 12, 31)


def measure(size: str, folder: Path) -> Figures:
    """Everything about one size: a company is made, kept for three nights in this folder, and read and built bare."""
    data_dir = folder / "data"
    settings = load_settings({"CRM_DATA_DIR": str(data_dir)})
    before = LAST_DAY - timedelta(days=1)
    company = ("--customers", str(SIZES[size]), "--months", MONTHS, "--seed", SEED, "--start", START)
    split = ("--nights", "1", "--until", before.isoformat())
    figures = Figures(size=size, customers=SIZES[size])
    figures.note("simulation", run("simulate", *company, *split, "--out", str(data_dir), data_dir=data_dir))
    figures.bytes["exports"] = _bytes(data_dir / "landing")
    figures.seconds["read bare"] = read_bare(data_dir / "landing", folder / "bare.duckdb", settings)
    (folder / "bare.duckdb").unlink()
    compiled = folder / "compiled"
    for name, measured, record in _nights(data_dir, before):
        figures.note(name, measured, steps=record["steps"])
        if name == "full night":
            figures.rows = sum(feed["delivered_rows"] for feed in record["loads"])
            figures.seconds["read with contract"] = figures.steps[name]["ingestion"]
            figures.bytes["warehouse"] = _bytes(settings.warehouse_path)
            figures.bytes["published"] = _bytes(settings.published_path)
            shutil.copytree(dbt_layout(settings).target_dir, compiled)
    settings.published_path.unlink()  # the disk need not hold it and all tables twice
    figures.seconds["built bare"] = build_bare(settings, compiled)
    return figures


def _nights(data_dir: Path, before: date) -> Iterator[tuple[str, Measured, dict[str, Any]]]:
    yield "full night", *_night(data_dir, before)
    run("simulate", "--further", "1", "--out", str(data_dir), data_dir=data_dir)
    yield "one day's files", *_night(data_dir, LAST_DAY)
    yield "nothing new", *_night(data_dir, LAST_DAY)


def _night(data_dir: Path, as_of: date) -> tuple[Measured, dict[str, Any]]:
    measured = run("nightly", "--as-of", as_of.isoformat(), data_dir=data_dir)
    return measured, json.loads((data_dir / "runs" / "last.json").read_text())


def _bytes(path: Path) -> int:
    return (
        path.stat().st_size if path.is_file() else sum(one.stat().st_size for one in path.rglob("*") if one.is_file())
    )


def main() -> None:
    """Measure, print, and write the page."""
    parser = argparse.ArgumentParser(prog="make bench", description=__doc__)
    parser.add_argument("--sizes", nargs="+", choices=SIZES, default=["demo", "S"])
    parser.add_argument("--folder", type=Path, default=None, help="where the companies are made; a temporary one")
    options = parser.parse_args()
    console = Console()
    for size in options.sizes:
        with tempfile.TemporaryDirectory(prefix="crm-bench-", dir=options.folder) as name:
            remember(measure(size, Path(name)))
        write_page()
    for table in tables():
        console.print(table)


if __name__ == "__main__":
    main()

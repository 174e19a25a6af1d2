"""`make spark-test`: the whole loop with DuckDB and with Spark on a cluster of this machine; are they equal?"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterable, Sequence
from datetime import date, timedelta
from pathlib import Path

from rich.console import Console
from rich.table import Table

from tests.integration.fingerprints import file_fingerprints
from tests.spark.cluster import standalone
from tests.spark.comparing import Compared, compare

BIN = Path(sys.executable).parent
FINE = (0, 2)
"""Exit codes of a night that ended well; the demo company's broken files are a warning."""
DAYS_OF_LISTS = 61
"""So many days before the end the first lists leave, as in `make run`."""
EXECUTORS = "spark.executor.memory=1g;spark.executor.cores=1"


def main() -> int:
    """Run both, compare, print; 1 when anything differs."""
    arguments = _arguments()
    console = Console()
    with tempfile.TemporaryDirectory(prefix="spark-test-") as temporary:
        folder = arguments.folder or Path(temporary)
        duck, spark = folder / "duckdb", folder / "spark"
        nights = _company(duck, arguments)
        if not arguments.only_compare:
            seconds = {"duckdb": _loop(duck, nights, {})}
            _copy_company(duck, spark)
            seconds["spark"] = _with_spark(spark, nights, arguments, folder=folder)
            console.print(", ".join(f"{name} {taken:,.0f} s" for name, taken in seconds.items()))
        compared = compare(duck / "warehouse.duckdb", spark / "warehouse.duckdb")
        files = _unequal_files(duck, spark)
    console.print(table_of(compared))
    for one in (one for one in compared if not one.is_equal):
        console.print(f"{one.schema}.{one.table}: {one.unequal} of {one.rows} ({one.other_rows}): {one.reason}")
    for file in files:
        console.print(f"exports/{file}")
    return int(bool(files) or not compared or not all(one.is_equal for one in compared))


def table_of(compared: Iterable[Compared]) -> Table:
    """Tables and rows by layer, and how many of them are equal."""
    table = Table(title="DuckDB and Spark")
    for heading in ("layer", "tables", "equal", "rows", "unequal rows"):
        table.add_column(heading, justify="left" if heading == "layer" else "right")
    by_layer: dict[str, list[Compared]] = {}
    for one in compared:
        by_layer.setdefault(one.schema, []).append(one)
    for layer, ones in by_layer.items():
        counts = (len(ones), sum(one.is_equal for one in ones), sum(one.rows for one in ones))
        table.add_row(layer, *(f"{count:,}" for count in counts), f"{sum(one.unequal for one in ones):,}")
    return table


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m tests.spark", description=__doc__)
    parser.add_argument("--customers", type=int, default=2000)
    parser.add_argument("--months", type=int, default=36)
    parser.add_argument("--seed", type=int, default=7)
    parser.add_argument("--start", default="2023-01-01")
    parser.add_argument("--folder", type=Path, help="keep both companies there, and go on with what is there")
    parser.add_argument("--local", action="store_true", help="no cluster: Spark within the process")
    parser.add_argument("--only-compare", action="store_true", help="the nights in --folder are there already")
    return parser.parse_args()


def _company(data_dir: Path, arguments: argparse.Namespace) -> Sequence[date]:
    """Simulate a company unless it is there, and say which nights it has: the first lists, and the last."""
    if not (data_dir / "truth").exists():
        size = ("--customers", str(arguments.customers), "--months", str(arguments.months))
        drawn = ("--seed", str(arguments.seed), "--start", arguments.start)
        _crm("simulate", *size, *drawn, "--out", str(data_dir), data_dir=data_dir)
    last = max(
        date.fromisoformat(day) for day in json.loads((data_dir / "truth" / "arrivals.json").read_text()).values()
    )
    return (last - timedelta(days=DAYS_OF_LISTS), last)


def _loop(data_dir: Path, nights: Sequence[date], variables: dict[str, str]) -> float:
    """A night, its lists let out and acted on, and the last night; seconds."""
    started = time.perf_counter()
    if not (data_dir / "warehouse.duckdb").exists():
        first, last = nights
        _crm("nightly", "--as-of", first.isoformat(), data_dir=data_dir, variables=variables)
        _crm("segments", "release", "--all", data_dir=data_dir, variables=variables)
        if not (data_dir / "truth" / "reactions.json").exists():
            _crm("simulate", "--react", "--out", str(data_dir), data_dir=data_dir)
        _crm("nightly", "--as-of", last.isoformat(), data_dir=data_dir, variables=variables)
    return time.perf_counter() - started


def _with_spark(data_dir: Path, nights: Sequence[date], arguments: argparse.Namespace, *, folder: Path) -> float:
    if arguments.local:
        return _loop(data_dir, nights, {"CRM_ENGINE": "spark"})
    with standalone(folder / "cluster", workers=2, cores=1, memory="1536m") as master:
        variables = {"CRM_ENGINE": "spark", "CRM_SPARK_MASTER": master, "CRM_SPARK_CONF": EXECUTORS}
        return _loop(data_dir, nights, variables)


def _copy_company(source: Path, target: Path) -> None:
    """The files of a company without what nights made of them; reactions are in its landing already."""
    for name in ("landing", "truth"):
        if not (target / name).exists():
            shutil.copytree(source / name, target / name)


def _crm(*arguments: str, data_dir: Path, variables: dict[str, str] | None = None) -> None:
    env = {name: value for name, value in os.environ.items() if not name.startswith("CRM_")}
    done = subprocess.run(
        [BIN / "crm", *arguments],
        env=env | {"CRM_DATA_DIR": str(data_dir)} | (variables or {}),
        check=False,
        stdout=subprocess.DEVNULL,
    )
    if done.returncode not in FINE:
        raise SystemExit(f"crm {' '.join(arguments)} failed with {variables or 'DuckDB'} in {data_dir}")


def _unequal_files(one: Path, other: Path) -> list[str]:
    """Lists whose rows are not the same bytes with both engines."""
    wanted, found = (file_fingerprints(folder / "exports", "*/*/members.csv") for folder in (one, other))
    return sorted(name for name in wanted.keys() | found.keys() if wanted.get(name) != found.get(name))


if __name__ == "__main__":
    sys.exit(main())

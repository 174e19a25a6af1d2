"""`make bench`: speed and memory of ingestion, beside DuckDB's bare read in the same run, and of three nights."""

from __future__ import annotations

import argparse
import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date
from pathlib import Path

import duckdb
import psutil
from rich.console import Console
from rich.table import Table

from dagster_project.ingestion import ingest, load_catalog
from dagster_project.settings import load_settings

BIN = Path(sys.executable).parent
READERS = {
    ".csv": (
        "read_csv('{path}', all_varchar = true, ignore_errors = true, strict_mode = false, encoding = '{encoding}')"
    ),
    ".ndjson": "read_json('{path}', format = 'newline_delimited')",
    ".json": "read_json('{path}')",
    ".parquet": "read_parquet('{path}')",
}
"""How DuckDB reads the files untyped. It cannot read workbooks without an extension: they are left out on its side."""


@dataclass(frozen=True)
class Measured:
    """One command's cost: wall seconds and peak memory of it and its children in MiB."""

    seconds: float
    peak_mib: float
    exit_code: int


def run(*arguments: str, data_dir: Path) -> Measured:
    """Run `crm` and watch its memory until it ends."""
    env = {name: value for name, value in os.environ.items() if not name.startswith("CRM_")}
    started = time.perf_counter()
    process = subprocess.Popen(
        [BIN / "crm", *arguments], env=env | {"CRM_DATA_DIR": str(data_dir)}, stdout=subprocess.DEVNULL
    )
    watched, peak = psutil.Process(process.pid), 0
    while process.poll() is None:
        peak = max(peak, _memory(watched))
        time.sleep(0.1)
    return Measured(time.perf_counter() - started, peak / 2**20, process.returncode)


def _memory(process: psutil.Process) -> int:
    try:
        return int(sum(one.memory_info().rss for one in [process, *process.children(recursive=True)]))
    except psutil.Error:
        return 0


def bare_read(landing: Path, database: Path) -> tuple[int, float]:
    """Read every file DuckDB can read, untyped, into one table each; rows and seconds."""
    rows, started = 0, time.perf_counter()
    with duckdb.connect(str(database)) as connection:
        for number, path in enumerate(sorted(path for path in landing.rglob("*") if path.is_file())):
            suffix = next((one for one in path.suffixes if one in READERS), None)
            rows += _bare_table(connection, f"t{number}", path, suffix) if suffix else 0
    return rows, time.perf_counter() - started


def _bare_table(connection: duckdb.DuckDBPyConnection, name: str, path: Path, suffix: str) -> int:
    encoding = "latin-1" if path.parent.name in {"navision", "erp"} else "utf-8"
    reader = READERS[suffix].format(path=path, encoding=encoding)
    try:
        connection.execute(f"create table {name} as select * from {reader}")
    except duckdb.Error:  # the demo company's broken files
        return 0
    return int(connection.execute(f"select count(*) from {name}").fetchall()[0][0])


def typed_read(data_dir: Path, as_of: date) -> tuple[int, float]:
    """Ingest the same files with mapping, contract, checks, quarantine and ledger; rows and seconds."""
    settings = load_settings({"CRM_DATA_DIR": str(data_dir)})
    catalog = load_catalog(settings.sources_dir)
    started = time.perf_counter()
    results = ingest(catalog=catalog, settings=settings, as_of=as_of)
    return sum(result.delivered_rows for result in results), time.perf_counter() - started


def move_later_files(landing: Path, aside: Path, *, truth: Path, after: date) -> list[Path]:
    """Take the files that arrive after a day out of landing; give back where they belong."""
    arrivals: dict[str, str] = json.loads((truth / "arrivals.json").read_text())
    later = [Path(name) for name, day in arrivals.items() if date.fromisoformat(day) > after]
    for name in later:
        (aside / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.move(landing / name, aside / name)
    return later


def nights(folder: Path, *, last_day: date, before: date) -> Iterable[tuple[str, Measured, dict[str, object]]]:
    """The full night, the night with one day's files, and the night with nothing new."""
    data_dir, aside = folder / "data", folder / "aside"
    later = move_later_files(data_dir / "landing", aside, truth=data_dir / "truth", after=before)
    yield "full", *_night(data_dir, before)
    for name in later:
        (data_dir / "landing" / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.move(aside / name, data_dir / "landing" / name)
    yield "one day's files", *_night(data_dir, last_day)
    yield "nothing new", *_night(data_dir, last_day)


def _night(data_dir: Path, as_of: date) -> tuple[Measured, dict[str, object]]:
    measured = run("nightly", "--as-of", as_of.isoformat(), data_dir=data_dir)
    return measured, json.loads((data_dir / "runs" / "last.json").read_text())


def step_table(columns: list[tuple[str, Measured, dict[str, object]]]) -> Table:
    """Seconds of each step in each kind of night."""
    table = Table(title="Nights: seconds by step")
    table.add_column("step")
    for name, _, _ in columns:
        table.add_column(name, justify="right")
    seconds = [{step["step"]: step["seconds"] for step in record["steps"]} for _, _, record in columns]  # type: ignore[attr-defined]
    for step in dict.fromkeys(step for column in seconds for step in column):
        table.add_row(step, *(f"{column[step]:.2f}" if step in column else "-" for column in seconds))
    table.add_section()
    table.add_row("wall time with start-up", *(f"{measured.seconds:.2f}" for _, measured, _ in columns))
    table.add_row("peak memory, MiB", *(f"{measured.peak_mib:,.0f}" for _, measured, _ in columns))
    table.add_row("exit code", *(str(measured.exit_code) for _, measured, _ in columns))
    return table


def ingestion_table(folder: Path, as_of: date) -> Table:
    """Rows per second with contract beside DuckDB's untyped read of the same files."""
    landing = folder / "data" / "landing"
    bare_rows, bare_seconds = bare_read(landing, folder / "bare.duckdb")
    typed_dir = folder / "typed"
    typed_dir.mkdir()
    (typed_dir / "landing").symlink_to(landing)
    typed_rows, typed_seconds = typed_read(typed_dir, as_of)
    table = Table(title="Ingestion: the same files, in this run")
    for heading in ("", "rows", "seconds", "rows per second"):
        table.add_column(heading, justify="left" if not heading else "right")
    for name, rows, seconds in (
        ("DuckDB, untyped", bare_rows, bare_seconds),
        ("with contract", typed_rows, typed_seconds),
    ):
        table.add_row(name, f"{rows:,}", f"{seconds:.2f}", f"{rows / seconds:,.0f}")
    table.add_row("ratio of seconds", "", f"{typed_seconds / bare_seconds:.2f}", "")
    return table


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(prog="make bench", description=__doc__)
    parser.add_argument("--customers", type=int, default=2000)
    parser.add_argument("--months", type=int, default=36)
    options = parser.parse_args()
    console = Console()
    with tempfile.TemporaryDirectory(prefix="crm-bench-") as name:
        folder = Path(name)
        data_dir = folder / "data"
        size = ("--customers", str(options.customers), "--months", str(options.months))
        simulated = run(
            "simulate",
            *size,
            "--seed",
            "7",
            "--start",
            "2023-01-01",
            "--nights",
            "2",
            "--out",
            str(data_dir),
            data_dir=data_dir,
        )
        arrivals = sorted(set(json.loads((data_dir / "truth" / "arrivals.json").read_text()).values()))
        last_day, before = date.fromisoformat(arrivals[-1]), date.fromisoformat(arrivals[-2])
        size_mib = sum(path.stat().st_size for path in (data_dir / "landing").rglob("*") if path.is_file()) / 2**20
        console.print(
            f"{options.customers:,} customers x {options.months} months: {size_mib:,.0f} MiB of exports, simulated in"
            f" {simulated.seconds:.1f} s ({simulated.peak_mib:,.0f} MiB at the peak)"
        )
        console.print(ingestion_table(folder, last_day))
        console.print(step_table(list(nights(folder, last_day=last_day, before=before))))


if __name__ == "__main__":
    main()

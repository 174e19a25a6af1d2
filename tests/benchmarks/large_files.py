"""Peak memory of ingestion while the file grows: CSV, NDJSON, packed NDJSON and Parquet, each in a process of its own.

`python -m tests.benchmarks.large_files --rows 2000000 4000000 8000000`: 2 million sessions are 240 MiB of CSV.
"""

from __future__ import annotations

import argparse
import json
import resource
import subprocess
import sys
import tempfile
import time
from datetime import date
from pathlib import Path

import duckdb
from rich.console import Console
from rich.table import Table

from dagster_project.ingestion import ingest, load_catalog
from dagster_project.settings import load_settings

FORMATS = {
    "csv": "(format csv, header)",
    "ndjson": "(format json)",
    "ndjson.gz": "(format json, compression gzip)",
    "parquet": "(format parquet)",
}
MAPPING = """
system: web
files: "sessions_{{date:%Y%m%d}}.*"
format: {{type: {kind}}}
feeds:
  web_sessions:
    columns:
      session_id: id
      visitor_id: visitor
      email: email
      started_at: started
      page_views: pages
      channel: channel
      has_basket: basket
"""
SESSIONS = """
    select
        'session ' || if(range % 1000 = 999, range - 1, range) as id, md5(cast(range % 3000000 as varchar)) as visitor,
        if(range % 7 = 0, 'person' || range % 900000 || '@example.org', null) as email,
        strftime(timestamp '2022-01-01' + to_seconds(cast(range % 90000000 as bigint)), '%Y-%m-%d %H:%M:%S') as started,
        if(range % 5000 = 0, 'many', cast(range % 37 as varchar)) as pages,
        ['search', 'direct', 'email', 'social', 'referral'][1 + range % 5] as channel,
        if(range % 9 = 0, 'true', 'false') as basket
    from range({rows})
"""
"""One row in a thousand has the key of the one before it, one in five thousand is bad."""


def fill(folder: Path, *, kind: str, rows: int) -> float:
    """Write one export and its mapping; gives back its size in MiB."""
    file = folder / "data" / "landing" / "web" / f"sessions_20250101.{kind}"
    mapping = folder / "sources" / "web" / "sessions.yml"
    for path in (file, mapping):
        path.parent.mkdir(parents=True)
    mapping.write_text(MAPPING.format(kind=kind.partition(".")[0]))
    with duckdb.connect() as connection:
        connection.execute(f"copy ({SESSIONS.format(rows=rows)}) to '{file}' {FORMATS[kind]}")
    return file.stat().st_size / 2**20


def run(folder: Path) -> dict[str, float]:
    """Load the export; seconds, rows and peak memory of this process."""
    settings = load_settings({"CRM_DATA_DIR": str(folder / "data"), "CRM_SOURCES_DIR": str(folder / "sources")})
    started = time.perf_counter()
    (result,) = ingest(catalog=load_catalog(settings.sources_dir), settings=settings, as_of=date(2025, 1, 1))
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    return {
        "seconds": time.perf_counter() - started,
        "loaded": result.loaded_rows,
        "bad": result.quarantined_rows,
        "mib": peak,
    }


def measure(kind: str, rows: int) -> tuple[str, ...]:
    """One row of the table."""
    with tempfile.TemporaryDirectory(prefix="crm-bench-") as name:
        size = fill(Path(name), kind=kind, rows=rows)
        command = [sys.executable, "-m", "tests.benchmarks.large_files", "--run", name]
        found = json.loads(subprocess.run(command, check=True, capture_output=True, text=True).stdout)
    figures = [f"{found[key]:,.0f}" for key in ("loaded", "bad", "seconds", "mib")]
    return (kind, f"{size:,.0f}", *figures)


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(prog="python -m tests.benchmarks.large_files", description=__doc__)
    parser.add_argument("--rows", type=int, nargs="+", default=[2_000_000, 4_000_000, 8_000_000])
    parser.add_argument("--formats", nargs="+", choices=FORMATS, default=list(FORMATS))
    parser.add_argument("--run", type=Path, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.run:
        sys.stdout.write(json.dumps(run(options.run)))
        return
    table = Table(title="One file, ever larger")
    for heading in ("format", "MiB", "rows loaded", "bad rows", "seconds", "peak memory, MiB"):
        table.add_column(heading, justify="left" if heading == "format" else "right")
    for kind in options.formats:
        for rows in options.rows:
            table.add_row(*measure(kind, rows))
        table.add_section()
    Console(width=120).print(table)


if __name__ == "__main__":
    main()

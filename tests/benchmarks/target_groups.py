"""Speed and memory of a night of target groups: judgement, journals and files of twelve lists, in a process of its own.

`python -m tests.benchmarks.target_groups --customers 100000 1000000`: a handmade warehouse (one customer in four is a
candidate of each list; --share 1 makes everybody one of all), four nights: the first waits, the second is released, on
the third one customer in a hundred withdraws, on the fourth nothing changes.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import date, timedelta
from pathlib import Path

import psutil
from rich.console import Console
from rich.table import Table

from dagster_project.activation import export
from dagster_project.activation.export import ExportNight, export_segments
from dagster_project.settings import Settings, load_settings
from dagster_project.warehouse import open_database
from tests.unit.activation.warehouses import EMAIL_LIST, NIGHT, SCHEMA

LISTS = 12
STEPS = ("_judge", "draft", "decide", "_put", "record_delivery")
NIGHTS = ("waits", "released", "1 % withdraw", "nothing new")

_FILL = """
    insert into core.dim_customers
    select
        key, true, 'Person ' || number, key || '@example.org', '+4930' || (1000000 + number), 'Hauptweg ' || number,
        lpad(cast(number % 99999 as varchar), 5, '0'), 'Berlin', 'DE', 'de', false, false
    from people;
    insert into core.dim_customer_records select key, key from people;
    insert into core.dim_consents select key, 'marketing', 'email', number % 3 > 0, date '2025-01-01', true from people;
    insert into core.dim_suppressions select key, 'email', 'complaint' from people where number % 100 = 7;
    insert into core.dim_parameters values (4, 30, 0.05, 30);
    insert into core.fct_order_lines select key, date '2025-03-15', true from people where number % 8 = 0;
    insert into core.dim_campaigns values ('own', null);
    insert into core.fct_campaign_contacts
    select 'own', key, date '2025-03-20', false, false from people where number % 2 = 0;
"""


def fill(path: Path, *, customers: int, share: float) -> None:
    """A warehouse in which the lists compete for people."""
    settings = load_settings({"CRM_DATA_DIR": str(path)})
    with open_database(settings.warehouse_path, settings=settings) as connection:
        connection.execute(SCHEMA)
        connection.execute(
            "create temp table people as"
            f" select range as number, md5(cast(range as varchar)) as key from range({customers})"
        )
        connection.execute(_FILL)
        for place in range(LISTS):
            connection.execute(
                f"create table segments.seg_{place:02} as"
                " select key as customer_key, 'because of ' || number as reason,"
                f" cast(number as double) as score from people where hash(number, {place}) % 1000 < {share} * 1000"
            )
    heads = {f"seg_{place:02}": {**EMAIL_LIST, "max_size": 10**9, "priority": place + 1} for place in range(LISTS)}
    nodes = {
        name: {
            "resource_type": "model",
            "schema": "segments",
            "name": name,
            "columns": {},
            "config": {"materialized": "table", "meta": {"segment": {**head, "holdout_share": 0.1}}},
            "compiled_code": "select 1",
        }
        for name, head in heads.items()
    }
    (path / "manifest.json").write_text(json.dumps({"nodes": nodes}))


def run(path: Path) -> dict[str, dict[str, float]]:
    """Seconds by night and step."""
    settings = load_settings({"CRM_DATA_DIR": str(path), "CRM_THREADS": "2"})
    found = {}
    for place, name in enumerate(NIGHTS):
        if name.endswith("withdraw"):
            with open_database(settings.warehouse_path, settings=settings) as connection:
                connection.execute("update core.dim_consents set is_granted = false where hash(customer_key) % 100 = 1")
        as_of = NIGHT + timedelta(days=max(place - 1, 0))
        with timed_steps() as seconds:
            started = time.perf_counter()
            results = export_segments(
                _night(settings, as_of, is_released=place == 1), manifest_path=path / "manifest.json"
            )
            seconds["night"] = time.perf_counter() - started
        seconds["candidates"] = sum(one.delivery.candidate_count for one in results)
        seconds["members"] = sum(one.delivery.member_count for one in results)
        seconds["removed"] = sum(one.delivery.removed_count or 0 for one in results)
        found[name] = seconds
    return found


def _night(settings: Settings, as_of: date, *, is_released: bool) -> ExportNight:
    released = frozenset(f"seg_{place:02}" for place in range(LISTS)) if is_released else frozenset()
    return ExportNight(
        settings=settings, as_of=as_of, run_id=str(as_of), validate=lambda _frame, _segment: (), released=released
    )


@contextmanager
def timed_steps() -> Iterator[dict[str, float]]:
    """Sum up what the steps of the export cost."""
    seconds = dict.fromkeys(STEPS, 0.0)
    originals = {name: getattr(export, name) for name in STEPS}

    def timed(name: str) -> object:
        def call(*arguments: object, **named: object) -> object:
            started = time.perf_counter()
            try:
                return originals[name](*arguments, **named)
            finally:
                seconds[name] += time.perf_counter() - started

        return call

    try:
        for name in STEPS:
            setattr(export, name, timed(name))
        yield seconds
    finally:
        for name, original in originals.items():
            setattr(export, name, original)


def measure(path: Path) -> tuple[dict[str, dict[str, float]], float]:
    """Run in a process of its own and watch its memory until it ends."""
    process = subprocess.Popen(
        [sys.executable, "-m", "tests.benchmarks.target_groups", "--run", str(path)], stdout=subprocess.PIPE, text=True
    )
    watched, peak = psutil.Process(process.pid), 0
    while process.poll() is None:
        try:
            peak = max(peak, int(watched.memory_info().rss))
        except psutil.Error:
            break
        time.sleep(0.05)
    answer, _ = process.communicate()
    if process.returncode:
        raise RuntimeError(f"it ended with {process.returncode}")
    return json.loads(answer), peak / 2**20


def compare(sizes: list[int], *, share: float) -> Table:
    """One row per number of customers and night."""
    table = Table(title=f"{LISTS} lists, {share:.0%} of the customers candidates of each; seconds by step")
    headings = ("customers", "night", "candidates", "members", "removed", "judge + journal", "read + compare", "check")
    for heading in (*headings, "files", "record", "all", "MiB"):
        table.add_column(heading, justify="left" if heading == "night" else "right")
    for size in sizes:
        with tempfile.TemporaryDirectory(prefix="crm-bench-") as name:
            fill(Path(name), customers=size, share=share)
            found, peak = measure(Path(name))
        for night, one in found.items():
            counts = (f"{one[key]:,.0f}" for key in ("candidates", "members", "removed"))
            seconds = (f"{one[step]:.1f}" for step in (*STEPS, "night"))
            table.add_row(f"{size:,}", night, *counts, *seconds, f"{peak:,.0f}")
        table.add_section()
    return table


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(prog="python -m tests.benchmarks.target_groups", description=__doc__)
    parser.add_argument("--customers", type=int, nargs="+", default=[250_000, 500_000, 1_000_000])
    parser.add_argument("--share", type=float, default=0.25, help="of the customers who are candidates of each list")
    parser.add_argument("--run", type=Path, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.run:
        sys.stdout.write(json.dumps(run(options.run)))
    else:
        Console(width=130).print(compare(options.customers, share=options.share))


if __name__ == "__main__":
    main()

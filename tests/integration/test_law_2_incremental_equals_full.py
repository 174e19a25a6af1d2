"""Law 2: thirty unsettled nights end with the tables of one full build; readers never see a half state meanwhile."""

from __future__ import annotations

import hashlib
import json
import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import pytest
from dbt.contracts.graph.manifest import Manifest

from dagster_project.activation import read_segments
from dagster_project.activation.export import ExportNight, export_segments
from dagster_project.ingestion import ingest, load_catalog
from dagster_project.prediction import families, predict
from dagster_project.publication import publish
from dagster_project.settings import Settings
from dagster_project.transformation import AFTER, BEFORE, LAST, dbt_layout
from dagster_project.transformation.manifest import parsed_project
from dagster_project.transformation.project import invoke
from tests.conftest import Company, Crm
from tests.integration.compiled import made_of_journals, made_of_lists
from tests.integration.fingerprints import file_fingerprints, table_fingerprints

NIGHTS = 30
READERS = 10
NIGHTS_PUBLISHED = (1, 28, 29, 30)
NIGHTS_BUILT = (9, 17, 24)
"""Of the other nights only files are loaded: what several nights bring is restated at once."""
READ_FROM_NIGHT = 28
"""Two more nights swap the database under the readers."""
DRAFTED = (".csv", ".ndjson", ".txt")
WITHOUT_TESTS = ("--exclude-resource-type", "unit_test", "--exclude-resource-type", "test")
READER = """
import sys, time, duckdb
path, stop = sys.argv[1], sys.argv[2]
import pathlib
reads = 0
while not pathlib.Path(stop).exists() or reads == 0:
    with duckdb.connect(path, read_only=True) as connection:
        marks = connection.execute(
            "select as_of_date from meta.publication union select as_of_date from core.dim_parameters"
        ).fetchall()
        assert len(marks) == 1, marks
        total = connection.execute("select count(*) from kpi.kpi_scoreboard").fetchone()[0]
        assert total > 0
    reads += 1
    time.sleep(2)
print(reads)
"""


@dataclass(frozen=True)
class Delivery:
    """A file that arrives on a day, as it is meant or in a first version that is replaced later."""

    name: str
    day: date
    is_draft: bool


def _deliveries(source: Company, *, until: date, is_unsettled: bool) -> list[Delivery]:
    """When every file comes; an unsettled house sends some late, and some twice: first a draft, days later the file."""
    arrivals: dict[str, str] = json.loads((source.truth / "arrivals.json").read_text())
    days = {name: date.fromisoformat(day) for name, day in arrivals.items()}
    if not is_unsettled:
        return [Delivery(name, day, is_draft=False) for name, day in days.items()]
    sent: list[Delivery] = []
    for name, day in days.items():
        draw = int(hashlib.sha256(name.encode()).hexdigest(), 16)
        is_late, is_corrected = draw % 8 == 0, draw % 8 in {1, 2} and _can_be_drafted(source.landing / name)
        final = min(day + timedelta(days=1 + draw // 8 % 6), until) if is_late or is_corrected else day
        sent += [Delivery(name, day, is_draft=True)] if is_corrected and final > day else []
        sent.append(Delivery(name, final, is_draft=False))
    assert sum(one.is_draft for one in sent) > 20
    return sent


def _can_be_drafted(path: Path) -> bool:
    """Text, and whole: a torn file does not replace the draft before it, which is law 3's business."""
    return path.suffix in DRAFTED and path.read_bytes().endswith(b"\n")


def _deliver(source: Company, target: Company, sent: list[Delivery], *, after: date | None, until: date) -> None:
    """Copy the files that arrived in a span of days, as the systems would drop them."""
    for one in sent:
        if one.day <= until and (after is None or one.day > after):
            path = target.landing / one.name
            path.parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(source.landing / one.name, path)
            if one.is_draft:
                path.write_bytes(_draft(path.read_bytes()))


def _draft(content: bytes) -> bytes:
    """A first version: a third of the rows is missing, and two of three people gave another address."""
    head, *lines = content.splitlines(keepends=True)
    kept = [line for number, line in enumerate(lines) if number % 3]
    moved = [line.replace(b"@", b"@old.") if number % 3 else line for number, line in enumerate(kept)]
    return b"".join([head, *moved])


@contextmanager
def _readers(database: Path, stop: Path) -> Iterator[None]:
    """Ten processes that read the published database in a loop; each must end without an error."""
    processes = [
        subprocess.Popen(
            [sys.executable, "-c", READER, str(database), str(stop)],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        for _ in range(READERS)
    ]
    try:
        yield
    finally:
        stop.touch()
        ended = [process.communicate(timeout=60) for process in processes]
    assert [error for _, error in ended if error] == []
    assert all(int(reads) > 0 for reads, _ in ended)


def _load(company: Company, day: date) -> None:
    ingest(catalog=load_catalog(company.settings.sources_dir), settings=company.settings, as_of=day)


def _build(company: Company, day: date, *, is_first: bool) -> None:
    settings = company.settings
    parsed = parsed_project(settings)
    _build_by_dbt(settings, parsed, "--exclude", BEFORE.exclude)
    for family in families():
        predict(family, settings=settings)
    _build_by_dbt(settings, parsed, "--select", AFTER.select, "--exclude", AFTER.exclude)
    _export(company, day, is_released=is_first)
    _build_by_dbt(settings, parsed, "--select", LAST.select)


def _build_by_dbt(settings: Settings, parsed: Manifest, *selection: str) -> None:
    built = invoke(["build", *WITHOUT_TESTS, *selection], settings=settings, manifest=parsed)
    results: Any = getattr(built.result, "results", [])
    assert built.success, built.exception or [(one.node.name, one.message) for one in results if one.message != "OK"]


def _export(company: Company, day: date, *, is_released: bool = False) -> None:
    manifest_path = dbt_layout(company.settings).manifest_path
    released = frozenset(one.name for one in read_segments(manifest_path)) if is_released else frozenset()
    night = ExportNight(settings=company.settings, as_of=day, run_id="law-2", validate=lambda *_: (), released=released)
    export_segments(night, manifest_path=manifest_path)


def _publish(company: Company, day: date) -> None:
    manifest_path = dbt_layout(company.settings).manifest_path
    publish(manifest_path=manifest_path, settings=company.settings, as_of=day, run_id="law-2")


@pytest.mark.slow
def test_thirty_nights_equal_one_full_build_and_ten_readers_see_no_half_state(
    crm: Crm, small_landing: Company, tmp_path: Path
) -> None:
    nightly = Company(tmp_path / "nightly", small_landing.as_of)
    days = [nightly.as_of - timedelta(days=NIGHTS - 1 - number) for number in range(NIGHTS)]
    sent = _deliveries(small_landing, until=nightly.as_of, is_unsettled=True)
    with ExitStack() as stack:
        for number, (before, day) in enumerate(zip([None, *days], days, strict=False), start=1):
            _deliver(small_landing, nightly, sent, after=before, until=day)
            _load(nightly, day)
            if number in (*NIGHTS_PUBLISHED, *NIGHTS_BUILT):
                _build(nightly, day, is_first=number == 1)
            if number in NIGHTS_PUBLISHED:
                _publish(nightly, day)
            if number == READ_FROM_NIGHT:
                stack.enter_context(_readers(nightly.published, tmp_path / "stop"))

    rebuilt = Company(tmp_path / "rebuilt", small_landing.as_of)
    sent = _deliveries(small_landing, until=rebuilt.as_of, is_unsettled=False)
    _deliver(small_landing, rebuilt, sent, after=None, until=rebuilt.as_of)
    outcome = crm("nightly", "--as-of", rebuilt.as_of.isoformat(), data_dir=rebuilt.data_dir)
    assert outcome.exit_code in {0, 2}, outcome.stdout + outcome.stderr

    journalled = made_of_journals(dbt_layout(rebuilt.settings).manifest_path)
    listed = made_of_lists(dbt_layout(rebuilt.settings).manifest_path)
    assert journalled
    assert listed
    for database in ("warehouse", "published"):
        compared = [
            table_fingerprints(getattr(company, database), of_last_night=journalled, without=listed)
            for company in (nightly, rebuilt)
        ]
        assert compared[0] == compared[1]
    assert nightly.query("select count(*) from core.fct_segment_memberships where left_date is not null") > [(0,)]
    said = "select count(distinct as_of_date) from journal.scorecards"
    assert nightly.query(said) == [(len(NIGHTS_PUBLISHED) + len(NIGHTS_BUILT),)], "every night keeps its own scorecard"
    actions = dict(nightly.query("select action, count(*) from restated.latest group by action"))
    assert actions["restated"] > 30, "most of the history was restated by keys, not built anew"
    quarantine = "quarantine/**/*.parquet"
    assert file_fingerprints(nightly.data_dir, quarantine) == file_fingerprints(rebuilt.data_dir, quarantine)

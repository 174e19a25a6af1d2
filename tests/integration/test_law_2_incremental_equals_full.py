"""Law 2: thirty nights one by one end with the tables of one full build; readers never see a half state meanwhile."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from datetime import date, timedelta
from pathlib import Path

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
from tests.integration.compiled import build_bare, made_of_journals, made_of_lists
from tests.integration.fingerprints import file_fingerprints, table_fingerprints

NIGHTS = 30
READERS = 10
DBT_NIGHTS = (1, 28, 29, 30)
BARE_NIGHTS = range(2, 28, 9)
"""Built by dbt, predicted and published. Of the nights between all load their files; every ninth one also runs the
very SQL that dbt compiled, which no night changes, in less time, predicts and writes its lists. What neither builds nor
writes leaves nothing that a later night could find: derived tables are made anew, and publication keeps no state."""
READ_FROM_NIGHT = 28
"""Two more nights swap the database under the readers."""
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


def _deliver(source: Company, target: Company, *, after: date | None, until: date) -> int:
    """Copy the files that arrived in a span of days, as the systems would drop them."""
    arrivals: dict[str, str] = json.loads((source.truth / "arrivals.json").read_text())
    arrived = [
        name
        for name, day in arrivals.items()
        if date.fromisoformat(day) <= until and (after is None or date.fromisoformat(day) > after)
    ]
    for name in arrived:
        (target.landing / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy2(source.landing / name, target.landing / name)
    return len(arrived)


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


def _build_bare(company: Company, day: date) -> None:
    build_bare(settings=company.settings, manifest_path=dbt_layout(company.settings).manifest_path)
    _export(company, day)


def _build_and_publish(company: Company, day: date, *, is_first: bool) -> None:
    settings = company.settings
    parsed = parsed_project(settings)  # the same for all, so that the manifest ends with the SQL of all models
    _build_by_dbt(settings, parsed, "--exclude", BEFORE.exclude)
    for family in families():
        predict(family, settings=settings)
    _build_by_dbt(settings, parsed, "--select", AFTER.select, "--exclude", AFTER.exclude)
    _export(company, day, is_released=is_first)
    _build_by_dbt(settings, parsed, "--select", LAST.select)
    _publish(company, day)


def _build_by_dbt(settings: Settings, parsed: Manifest, *selection: str) -> None:
    built = invoke(["build", *WITHOUT_TESTS, *selection], settings=settings, manifest=parsed)
    assert built.success, built.exception or built.result


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
    with ExitStack() as stack:
        for number, (before, day) in enumerate(zip([None, *days], days, strict=False), start=1):
            _deliver(small_landing, nightly, after=before, until=day)
            _load(nightly, day)
            if number in BARE_NIGHTS:
                _build_bare(nightly, day)
            if number in DBT_NIGHTS:
                _build_and_publish(nightly, day, is_first=number == 1)
            if number == READ_FROM_NIGHT:
                stack.enter_context(_readers(nightly.published, tmp_path / "stop"))

    rebuilt = Company(tmp_path / "rebuilt", small_landing.as_of)
    _deliver(small_landing, rebuilt, after=None, until=rebuilt.as_of)
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
    assert nightly.query(said) == [(len(DBT_NIGHTS) + len(BARE_NIGHTS),)], "every night keeps its own scorecard"
    quarantine = "quarantine/**/*.parquet"
    assert file_fingerprints(nightly.data_dir, quarantine) == file_fingerprints(rebuilt.data_dir, quarantine)

"""Law 2: thirty nights one by one end with the tables of one full build; readers never see a half state meanwhile."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import date, timedelta
from itertools import pairwise
from pathlib import Path

import pytest

from tests.conftest import Company, Crm
from tests.integration.fingerprints import DERIVED, file_fingerprints, table_fingerprints

NIGHTS = 30
READERS = 10
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
    time.sleep(0.2)
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


@pytest.mark.slow
def test_thirty_nights_one_by_one_equal_one_full_build(crm: Crm, small_landing: Company, tmp_path: Path) -> None:
    nightly = Company(tmp_path / "nightly", small_landing.as_of)
    first = small_landing.as_of - timedelta(days=NIGHTS - 1)
    delivered_until: date | None = None
    for night in (first + timedelta(days=number) for number in range(NIGHTS)):
        _deliver(small_landing, nightly, after=delivered_until, until=night)
        delivered_until = night
        outcome = crm("nightly", "--as-of", night.isoformat(), data_dir=nightly.data_dir)
        assert outcome.exit_code in {0, 2}, outcome.stdout + outcome.stderr

    rebuilt = Company(tmp_path / "rebuilt", small_landing.as_of)
    _deliver(small_landing, rebuilt, after=None, until=rebuilt.as_of)
    outcome = crm("nightly", "--as-of", rebuilt.as_of.isoformat(), data_dir=rebuilt.data_dir)
    assert outcome.exit_code in {0, 2}, outcome.stdout + outcome.stderr

    assert table_fingerprints(nightly.warehouse) == table_fingerprints(rebuilt.warehouse)
    assert table_fingerprints(nightly.published, schemas=DERIVED) == table_fingerprints(
        rebuilt.published, schemas=DERIVED
    )
    quarantine = "quarantine/**/*.parquet"
    assert file_fingerprints(nightly.data_dir, quarantine) == file_fingerprints(rebuilt.data_dir, quarantine)


@pytest.mark.slow
def test_ten_readers_during_three_nights_see_no_error_and_no_half_state(
    crm: Crm, small_landing: Company, tmp_path: Path
) -> None:
    company = Company(tmp_path / "read", small_landing.as_of)
    days = [small_landing.as_of - timedelta(days=number) for number in (3, 2, 1, 0)]
    _deliver(small_landing, company, after=None, until=days[0])
    assert crm("nightly", "--as-of", days[0].isoformat(), data_dir=company.data_dir).exit_code in {0, 2}
    with _readers(company.published, tmp_path / "stop"):
        for before, day in pairwise(days):
            _deliver(small_landing, company, after=before, until=day)
            assert crm("nightly", "--as-of", day.isoformat(), data_dir=company.data_dir).exit_code in {0, 2}

"""Law 1: a run that is killed anywhere and started again ends with the same rows as one that was not."""

from __future__ import annotations

import os
import random
import shutil
import signal
import subprocess
import time
from pathlib import Path

import pytest

from tests.conftest import BIN, Company, Crm
from tests.integration.fingerprints import DERIVED, file_fingerprints, table_fingerprints

KILLS = 10


def _killed_night(company: Company, *, after_seconds: float) -> bool:
    """Start a night and kill its whole process group; True if it was still running."""
    env = {name: value for name, value in os.environ.items() if not name.startswith("CRM_")}
    night = subprocess.Popen(
        [BIN / "crm", "nightly", "--as-of", company.as_of.isoformat()],
        env=env | {"CRM_DATA_DIR": str(company.data_dir)},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )
    try:
        night.wait(timeout=after_seconds)
    except subprocess.TimeoutExpired:
        os.killpg(night.pid, signal.SIGKILL)
        night.wait()
        return True
    return False


@pytest.mark.slow
def test_a_night_killed_at_ten_points_ends_like_one_that_was_not(
    crm: Crm, small_landing: Company, tmp_path: Path
) -> None:
    calm, troubled = (Company(tmp_path / name, small_landing.as_of) for name in ("calm", "troubled"))
    for company in (calm, troubled):
        shutil.copytree(small_landing.landing, company.landing)

    started = time.monotonic()
    night = crm("nightly", "--as-of", calm.as_of.isoformat(), data_dir=calm.data_dir)
    seconds = time.monotonic() - started
    assert night.exit_code in {0, 2}, night.stdout + night.stderr

    points = sorted(random.Random(11).uniform(0.05, 0.95) for _ in range(KILLS))
    killed = sum(_killed_night(troubled, after_seconds=point * seconds) for point in points)
    assert killed >= KILLS // 2, "the night was over before it could be killed"
    restarted = crm("nightly", "--as-of", troubled.as_of.isoformat(), data_dir=troubled.data_dir)
    assert restarted.exit_code in {0, 2}, restarted.stdout + restarted.stderr

    assert table_fingerprints(troubled.warehouse) == table_fingerprints(calm.warehouse)
    assert table_fingerprints(troubled.published, schemas=DERIVED) == table_fingerprints(
        calm.published, schemas=DERIVED
    )
    members = ("exports/*/*/members.*", "quarantine/**/*.parquet")
    assert file_fingerprints(troubled.data_dir, *members) == file_fingerprints(calm.data_dir, *members)
    leftovers = [path for path in troubled.data_dir.rglob(".*") if path.name.startswith((".crm", ".tmp", ".new"))]
    assert leftovers == []


@pytest.mark.slow
def test_a_night_run_twice_changes_nothing(crm: Crm, small_landing: Company, tmp_path: Path) -> None:
    company = Company(tmp_path / "twice", small_landing.as_of)
    shutil.copytree(small_landing.landing, company.landing)
    schemas = (*DERIVED, "journal")
    assert crm("nightly", "--as-of", company.as_of.isoformat(), data_dir=company.data_dir).exit_code in {0, 2}
    first = table_fingerprints(company.warehouse, schemas=schemas)
    exports = file_fingerprints(company.settings.exports_dir, "*/*/members.*")
    assert crm("nightly", "--as-of", company.as_of.isoformat(), data_dir=company.data_dir).exit_code in {0, 2}
    assert table_fingerprints(company.warehouse, schemas=schemas) == first
    assert file_fingerprints(company.settings.exports_dir, "*/*/members.*") == exports

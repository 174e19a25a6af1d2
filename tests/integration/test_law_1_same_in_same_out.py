"""Law 1: a run that is killed anywhere and started again ends with the same rows as one that was not."""

from __future__ import annotations

import os
import random
import resource
import shutil
import signal
import subprocess
import time
from dataclasses import dataclass
from datetime import date
from pathlib import Path

import psutil
import pytest

from tests.conftest import BIN, RELEASES, Company, Crm
from tests.integration.fingerprints import DERIVED, file_fingerprints, table_fingerprints

KILLS = 5


LOOK_EVERY = 0.1


def _killed_night(company: Company, *, after_seconds: float) -> bool:
    """Start a night and kill its process group after so many seconds of computing; True if it was still running."""
    env = {name: value for name, value in os.environ.items() if not name.startswith("CRM_")}
    night = subprocess.Popen(
        [BIN / "crm", "nightly", "--as-of", company.as_of.isoformat(), *RELEASES],
        env=env | {"CRM_DATA_DIR": str(company.data_dir)},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )
    process = psutil.Process(night.pid)
    while night.poll() is None:
        if sum(process.cpu_times()[:4]) >= after_seconds:
            os.killpg(night.pid, signal.SIGKILL)
            night.wait()
            return True
        time.sleep(LOOK_EVERY)
    return False


def _computed_by_children() -> float:
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


@pytest.fixture(scope="module")
def few_exports(crm: Crm, tmp_path_factory: pytest.TempPathFactory) -> Company:
    """A small company that exports by the month only, so that a dozen nights on it are short. Copy, do not change."""
    company = Company(tmp_path_factory.mktemp("few"), date(2024, 4, 30))
    size = ("--customers", "250", "--months", "4", "--seed", "5", "--start", "2024-01-01")
    simulated = crm("simulate", *size, "--out", company.data_dir, data_dir=company.data_dir)
    assert simulated.exit_code == 0, simulated.stderr
    return company


@dataclass(frozen=True)
class Calm:
    """A company whose one night ran through, and how many seconds it computed: a busy machine hardly changes them."""

    company: Company
    seconds: float


@pytest.fixture(scope="module")
def calm(crm: Crm, few_exports: Company, tmp_path_factory: pytest.TempPathFactory) -> Calm:
    """The night nobody killed. Copy, do not change."""
    company = Company(tmp_path_factory.mktemp("calm"), few_exports.as_of)
    shutil.copytree(few_exports.landing, company.landing)
    before = _computed_by_children()
    night = crm("nightly", "--as-of", company.as_of.isoformat(), *RELEASES, data_dir=company.data_dir)
    assert night.exit_code in {0, 2}, night.stdout + night.stderr
    return Calm(company, _computed_by_children() - before)


@pytest.mark.slow
def test_a_night_killed_at_five_points_ends_like_one_that_was_not(
    crm: Crm, calm: Calm, few_exports: Company, tmp_path: Path
) -> None:
    troubled = Company(tmp_path / "troubled", few_exports.as_of)
    shutil.copytree(few_exports.landing, troubled.landing)

    points = sorted(random.Random(11).uniform(0.05, 0.95) for _ in range(KILLS))
    killed = sum(_killed_night(troubled, after_seconds=point * calm.seconds) for point in points)
    assert killed >= KILLS // 2, "the night was over before it could be killed"
    restarted = crm("nightly", "--as-of", troubled.as_of.isoformat(), *RELEASES, data_dir=troubled.data_dir)
    assert restarted.exit_code in {0, 2}, restarted.stdout + restarted.stderr

    untroubled = calm.company
    assert table_fingerprints(troubled.warehouse) == table_fingerprints(untroubled.warehouse)
    assert table_fingerprints(troubled.published, schemas=DERIVED) == table_fingerprints(
        untroubled.published, schemas=DERIVED
    )
    members = ("exports/*/*/members.*", "quarantine/**/*.parquet")
    assert file_fingerprints(troubled.data_dir, *members) == file_fingerprints(untroubled.data_dir, *members)
    leftovers = [path for path in troubled.data_dir.rglob(".*") if path.name.startswith((".crm", ".tmp", ".new"))]
    assert leftovers == []


@pytest.mark.slow
def test_a_night_run_twice_changes_nothing(crm: Crm, calm: Calm, tmp_path: Path) -> None:
    company = Company(tmp_path / "twice", calm.company.as_of)
    shutil.copytree(calm.company.data_dir, company.data_dir, symlinks=True)
    schemas = (*DERIVED, "journal")
    first = table_fingerprints(company.warehouse, schemas=schemas)
    exports = file_fingerprints(company.settings.exports_dir, "*/*/members.*")
    again = crm("nightly", "--as-of", company.as_of.isoformat(), "--json", data_dir=company.data_dir)
    assert again.exit_code in {0, 2}, again.stderr
    assert again.json["exit_code"] == again.exit_code
    assert sum(load["loaded_rows"] for load in again.json["loads"]) == 0
    assert {one["status"] for one in again.json["lists"]} <= {"unchanged", "held_back"}
    resting = crm("nightly", "--as-of", company.as_of.isoformat(), "--json", data_dir=company.data_dir)
    assert resting.exit_code == again.exit_code
    assert resting.json["headlines"] == again.json["headlines"]
    assert [step["step"] for step in resting.json["steps"] if not step["is_unchanged"]] == ["preparation"]
    assert table_fingerprints(company.warehouse, schemas=schemas) == first
    assert file_fingerprints(company.settings.exports_dir, "*/*/members.*") == exports

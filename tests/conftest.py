"""Shared fixtures: the dbt manifest and one demo company, built once per session by the commands a user types."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Any

import duckdb
import pytest
import yaml
from hypothesis import settings as hypothesis_settings

from dagster_project.settings import PROJECT_ROOT, Settings, load_settings
from tests.postgres import Server, running_server

hypothesis_settings.register_profile("kreislauf", derandomize=True, deadline=None, print_blob=True)
hypothesis_settings.load_profile("kreislauf")

BIN = Path(sys.executable).parent
LONGEST = ("test_law_1_same_in_same_out", "demo", "test_law_2_incremental_equals_full", "test_dbt_unit_tests")
"""Groups of tests that take minutes."""

SEGMENTS = sorted(path.stem for path in (PROJECT_ROOT / "dbt" / "models" / "segments").glob("seg_*.sql"))
RELEASES = [part for name in SEGMENTS for part in ("--release", name)]
"""A first list waits for a person; with these somebody lets them all out."""


@dataclass(frozen=True)
class Outcome:
    """How a `crm` command ended."""

    exit_code: int
    stdout: str
    stderr: str

    @property
    def json(self) -> Any:
        """The printed JSON."""
        return json.loads(self.stdout)


@dataclass(frozen=True)
class Company:
    """A data directory with landing files and, once a night has run, everything made of them."""

    data_dir: Path
    as_of: date

    @property
    def settings(self) -> Settings:
        return load_settings({"CRM_DATA_DIR": str(self.data_dir)})

    @property
    def landing(self) -> Path:
        return self.data_dir / "landing"

    @property
    def truth(self) -> Path:
        return self.data_dir / "truth"

    @property
    def warehouse(self) -> Path:
        return self.settings.warehouse_path

    @property
    def published(self) -> Path:
        return self.settings.published_path

    def query(self, sql: str, *, published: bool = False) -> list[tuple[Any, ...]]:
        """Rows of a query over the warehouse (or the published database)."""
        with duckdb.connect(str(self.published if published else self.warehouse), read_only=True) as connection:
            return connection.execute(sql).fetchall()


Crm = Callable[..., Outcome]


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Keep the tests of a file, and all tests on the demo company, on one worker, so that it is built once.

    The longest come first: a worker that began one of them last would let the other wait.
    """
    groups = {item: "demo" if "demo" in getattr(item, "fixturenames", ()) else item.path.stem for item in items}
    for item, group in groups.items():
        item.add_marker(pytest.mark.xdist_group(group))
    items.sort(key=lambda item: LONGEST.index(groups[item]) if groups[item] in LONGEST else len(LONGEST))


def run_crm(*arguments: str | Path, data_dir: Path, **environment: str | Path) -> Outcome:
    """Run the `crm` command as a user would, on a data directory of its own."""
    env = {name: value for name, value in os.environ.items() if not name.startswith("CRM_")}
    env |= {"CRM_DATA_DIR": str(data_dir), "COLUMNS": "100", **{key: str(value) for key, value in environment.items()}}
    done = subprocess.run(
        [BIN / "crm", *map(str, arguments)], env=env, capture_output=True, text=True, check=False, timeout=900
    )
    return Outcome(done.returncode, done.stdout, done.stderr)


@pytest.fixture(scope="session")
def crm() -> Crm:
    return run_crm


@pytest.fixture(scope="session")
def postgres() -> Iterator[Server]:
    """A PostgreSQL server on a socket of its own."""
    with running_server() as server:
        yield server


@pytest.fixture(scope="session")
def demo(tmp_path_factory: pytest.TempPathFactory) -> Company:
    """The demo company: 2,000 customers, 36 months, one full night whose lists were let out. Read only."""
    company = Company(tmp_path_factory.mktemp("demo"), date(2025, 12, 31))
    simulated = run_crm(
        *("simulate", "--customers", "2000", "--months", "36", "--seed", "7", "--start", "2023-01-01"),
        *("--out", company.data_dir),
        data_dir=company.data_dir,
    )
    assert simulated.exit_code == 0, simulated.stderr
    night = run_crm("nightly", "--as-of", company.as_of.isoformat(), *RELEASES, data_dir=company.data_dir)
    assert night.exit_code == 2, night.stdout + night.stderr  # the demo company's broken files are a warning
    return company


@pytest.fixture(scope="session")
def small_landing(tmp_path_factory: pytest.TempPathFactory) -> Company:
    """A small company's exports, thirty single nights at the end; no night has run on them. Copy, do not change."""
    company = Company(tmp_path_factory.mktemp("small"), date(2024, 6, 30))
    simulated = run_crm(
        *("simulate", "--customers", "250", "--months", "6", "--nights", "30", "--seed", "5", "--start", "2024-01-01"),
        *("--out", company.data_dir),
        data_dir=company.data_dir,
    )
    assert simulated.exit_code == 0, simulated.stderr
    return company


@pytest.fixture(scope="session")
def manifest(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """The manifest of dbt, parsed without a database."""
    target = tmp_path_factory.mktemp("dbt")
    dbt = PROJECT_ROOT / "dbt"
    env = os.environ | {"CRM_DATA_DIR": str(target), "DBT_SEND_ANONYMOUS_USAGE_STATS": "false", "DO_NOT_TRACK": "1"}
    done = subprocess.run(
        [
            *(BIN / "dbt", "--no-use-colors", "parse", "--no-partial-parse", "--show-all-deprecations"),
            *("--project-dir", dbt, "--profiles-dir", dbt, "--target-path", target, "--log-path", target),
        ],
        env=env,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout
    assert "deprecat" not in done.stdout.lower(), done.stdout
    document: dict[str, Any] = json.loads((target / "manifest.json").read_text())
    return document


@pytest.fixture(scope="session")
def personal_columns() -> frozenset[str]:
    """Names of the contract columns that identify a person directly."""
    contracts = [yaml.safe_load(path.read_text()) for path in (PROJECT_ROOT / "sources" / "feeds").glob("*.yml")]
    return frozenset(
        name
        for contract in contracts
        for name, column in contract["columns"].items()
        if column.get("personal") == "direct"
    )

"""A night rests only on a run that read the same and left what still lies there; in doubt it runs."""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import replace
from datetime import date, timedelta
from pathlib import Path

import pytest

from dagster_project.nightly import resting, store
from dagster_project.nightly.record import Failure, RunRecord
from dagster_project.nightly.session import Night
from dagster_project.settings import Settings, load_settings
from tests.unit.nightly.records import full_record

AS_OF = date(2025, 12, 31)


def _write(path: Path, text: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)


@pytest.fixture
def settings(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Settings:
    """A data directory after a night, with declarations and code of its own."""
    monkeypatch.setattr(resting, "PROJECT_ROOT", tmp_path / "project")
    _write(tmp_path / "project/dbt/models/a.sql", "select 1")
    _write(tmp_path / "project/dagster_project/cli.py", "pass")
    data = tmp_path / "data"
    for name in ("landing/shop/orders.csv", "published/crm.duckdb", "exports/seg_a/2025-12-31/members.csv"):
        _write(data / name, name)
    _write(data / "warehouse.duckdb", "rows")
    _write(data / "docs/index.html", "page")
    _write(data / "dbt/target/manifest.json", "{}")
    _write(tmp_path / "sources/feeds/orders.yml", "feed: orders")
    _write(tmp_path / "seeds/parameters.csv", "name,value")
    return load_settings(
        {
            "CRM_DATA_DIR": str(data),
            "CRM_SOURCES_DIR": str(tmp_path / "sources"),
            "CRM_SEEDS_DIR": str(tmp_path / "seeds"),
        }
    )


def _inputs(settings: Settings, as_of: date = AS_OF) -> str | None:
    return resting.inputs_of_night(settings, as_of=as_of)


def _night(settings: Settings) -> Night:
    return Night(settings=settings, as_of=AS_OF, run_id="a later run")


@pytest.fixture
def former(settings: Settings) -> RunRecord:
    """The run that did all there was to do."""
    record, inputs = full_record(), _inputs(settings)
    store.save(record, settings=settings)
    resting.remember(_night(settings), inputs=inputs, record=record)
    return record


def test_a_night_with_nothing_new_rests_on_the_run_that_did_it(settings: Settings, former: RunRecord) -> None:
    assert resting.earlier_run(settings, inputs=_inputs(settings)) == former


CHANGES: dict[str, Callable[[Path], object]] = {
    "a new file": lambda top: _write(top / "data/landing/shop/orders_2.csv", "new"),
    "a file sent again": lambda top: os.utime(top / "data/landing/shop/orders.csv", ns=(1, 1)),
    "a file taken away": lambda top: (top / "data/landing/shop/orders.csv").unlink(),
    "a mapping": lambda top: _write(top / "sources/feeds/orders.yml", "feed: Orders"),
    "a model": lambda top: _write(top / "project/dbt/models/a.sql", "select 2"),
    "a module": lambda top: _write(top / "project/dagster_project/new.py", "pass"),
    "a destination": lambda top: _write(top / "sources/destinations.yml", "crm: {}"),
    "a seed": lambda top: _write(top / "seeds/parameters.csv", "name,other"),
    "a list somebody took": lambda top: _write(top / "data/audit/pulls.jsonl", "{}"),
    "a warehouse that was written": lambda top: os.utime(top / "data/warehouse.duckdb", ns=(1, 1)),
    "a warehouse that is gone": lambda top: (top / "data/warehouse.duckdb").unlink(),
    "a table of Spark that appeared": lambda top: _write(top / "data/spark/tables/core/a/v000001/_SUCCESS", ""),
    "a published database that is gone": lambda top: (top / "data/published/crm.duckdb").unlink(),
    "a list that is gone": lambda top: (top / "data/exports/seg_a/2025-12-31/members.csv").unlink(),
    "pages that are gone": lambda top: (top / "data/docs/index.html").unlink(),
    "a record that is gone": lambda top: next((top / "data/runs").glob("2*.json")).unlink(),
    "a broken memory": lambda top: _write(top / "data/runs/standing.json", "{"),
}


@pytest.mark.usefixtures("former")
@pytest.mark.parametrize("change", CHANGES)
def test_whatever_changed_makes_the_night_run(settings: Settings, tmp_path: Path, change: str) -> None:
    CHANGES[change](tmp_path)
    assert resting.earlier_run(settings, inputs=_inputs(settings)) is None


@pytest.mark.usefixtures("former")
def test_another_date_or_another_setting_is_another_night(
    settings: Settings, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    assert resting.earlier_run(settings, inputs=_inputs(settings, AS_OF + timedelta(days=1))) is None
    moved = replace(settings, data_dir=tmp_path / "copy")
    assert _inputs(moved) != _inputs(settings)
    monkeypatch.setenv("CRM_REPORTING_CURRENCY", "CHF")
    assert resting.earlier_run(settings, inputs=_inputs(settings)) is None


@pytest.mark.usefixtures("former")
def test_what_tools_leave_beside_the_code_changes_nothing(settings: Settings, tmp_path: Path) -> None:
    _write(tmp_path / "project/dbt/target/manifest.json", "{}")
    _write(tmp_path / "project/dagster_project/__pycache__/cli.pyc", "")
    assert resting.earlier_run(settings, inputs=_inputs(settings)) is not None


def test_a_file_that_arrives_during_the_night_is_still_new(settings: Settings) -> None:
    inputs = _inputs(settings)
    _write(settings.landing_dir / "shop/late.csv", "late")
    store.save(full_record(), settings=settings)
    resting.remember(_night(settings), inputs=inputs, record=full_record())
    assert resting.earlier_run(settings, inputs=_inputs(settings)) is None


def test_a_run_that_failed_or_left_something_to_try_again_answers_for_nothing(settings: Settings) -> None:
    failed = replace(full_record(), outcome="failed", failure=Failure("ingestion", "it broke"))
    resting.remember(_night(settings), inputs=_inputs(settings), record=failed)
    unsettled = _night(settings)
    unsettled.is_settled = False
    resting.remember(unsettled, inputs=_inputs(settings), record=full_record())
    resting.remember(_night(settings), inputs=None, record=full_record())
    assert resting.earlier_run(settings, inputs=_inputs(settings)) is None


@pytest.mark.usefixtures("former")
def test_a_run_that_begins_forgets_what_stood(settings: Settings) -> None:
    resting.forget(settings)
    resting.forget(settings)
    assert resting.earlier_run(settings, inputs=_inputs(settings)) is None


def test_what_cannot_be_read_is_no_reason_to_rest(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(_path: Path) -> bytes:
        raise PermissionError

    monkeypatch.setattr(Path, "read_bytes", refuse)
    assert _inputs(settings) is None
    assert resting.earlier_run(settings, inputs=None) is None


def test_a_resting_night_tells_the_results_again_and_its_own_cost(settings: Settings, former: RunRecord) -> None:
    night = _night(settings)
    with night.step("preparation") as note:
        note.detail = resting.told_of(former)
    record = resting.rest_on(night, former)
    assert (record.outcome, record.headlines, record.refusals) == (former.outcome, former.headlines, former.refusals)
    assert (record.run_id, record.loaded_rows) == ("a later run", 0)
    assert sum(load.unchanged_batches for load in record.loads) == 248
    assert [one.status for one in record.lists] == ["unchanged", "held_back"]
    assert [(step.step, step.rows, step.is_unchanged) for step in record.steps] == [
        ("preparation", None, False),
        ("ingestion", 3440, True),
        ("transformation", None, True),
    ]

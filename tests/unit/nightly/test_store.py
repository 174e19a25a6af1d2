"""Run records survive as JSON, and only whole ones are read back."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from dagster_project.nightly import store
from dagster_project.settings import Settings, load_settings
from tests.unit.nightly.records import full_record


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return load_settings({"CRM_DATA_DIR": str(tmp_path)})


def test_a_record_comes_back_as_it_was(settings: Settings) -> None:
    store.save(full_record(), settings=settings)
    assert store.last(settings) == full_record()


def test_machines_get_exit_code_and_seconds(settings: Settings) -> None:
    store.save(full_record(), settings=settings)
    document = json.loads((store.runs_dir(settings) / "last.json").read_text())
    assert (document["exit_code"], document["seconds"], document["outcome"]) == (2, 65.0, "warnings")


def test_history_is_newest_first_and_leaves_out_broken_files(settings: Settings) -> None:
    for day in (1, 3, 2):
        store.save(full_record(day=day), settings=settings)
    (store.runs_dir(settings) / "20991231T000000-broken.json").write_text("{")
    assert [record.started_at.day for record in store.history(settings, limit=10)] == [3, 2, 1]


def test_only_the_owner_reads_records(settings: Settings) -> None:
    path = store.save(full_record(), settings=settings)
    assert path.stat().st_mode & 0o077 == 0


def test_there_is_no_last_run_before_the_first(settings: Settings) -> None:
    assert store.last(settings) is None
    assert store.history(settings, limit=5) == []

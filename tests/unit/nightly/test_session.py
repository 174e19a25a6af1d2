"""How a night ends follows from what its steps noted."""

from __future__ import annotations

from dataclasses import replace
from datetime import date
from pathlib import Path

import pytest

from dagster_project.errors import CrmError
from dagster_project.nightly.record import CheckFinding, Outcome, Refusal
from dagster_project.nightly.session import Night
from dagster_project.settings import load_settings
from tests.unit.nightly.records import full_record


@pytest.fixture
def night(tmp_path: Path) -> Night:
    return Night(settings=load_settings({"CRM_DATA_DIR": str(tmp_path)}), as_of=date(2025, 1, 1), run_id="test")


def _outcome(night: Night) -> tuple[Outcome, int]:
    record = night.record()
    return record.outcome, record.exit_code


def test_a_night_without_anything_to_say_is_fine(night: Night) -> None:
    night.notes.append("a file that no mapping takes")
    assert _outcome(night) == ("fine", 0)


def test_refused_batches_and_failed_checks_are_warnings(night: Night) -> None:
    night.refusals = (Refusal("shop", "orders", "a.csv", "truncated"),)
    assert _outcome(night) == ("warnings", 2)
    night.refusals, night.findings = (), [CheckFinding("stale", "shop/orders", "warning", "too old")]
    assert _outcome(night) == ("warnings", 2)


def test_a_list_held_back_is_a_warning_unless_nobody_was_ever_in_it(night: Night) -> None:
    held_back = full_record().lists[1]
    night.lists = (held_back,)
    assert _outcome(night) == ("warnings", 2)
    night.lists = (replace(held_back, is_warning=False),)
    assert _outcome(night) == ("fine", 0)


def test_the_first_failure_is_the_one_that_is_told(night: Night) -> None:
    night.remember_failure("ingestion", CrmError("the first"))
    night.remember_failure("publication", CrmError("a consequence"))
    record = night.record()
    assert record.exit_code == 1
    assert record.failure
    assert (record.failure.step, record.failure.what) == ("ingestion", "the first")


def test_steps_are_timed_even_if_they_fail(night: Night) -> None:
    with pytest.raises(ZeroDivisionError), night.step("ingestion"):
        raise ZeroDivisionError
    with night.step("publication") as note:
        note.rows, note.detail = 5, "1 table"
    assert [(step.step, step.rows, step.detail) for step in night.record().steps] == [
        ("ingestion", None, "failed"),
        ("publication", 5, "1 table"),
    ]


def test_the_record_knows_the_most_memory_that_any_step_held(night: Night) -> None:
    for name in ("preparation", "ingestion"):
        with night.step(name):
            pass
    record = night.record()
    assert record.peak_mib == max(step.peak_mib or 0 for step in record.steps) > 0


def test_records_of_older_versions_know_no_memory() -> None:
    assert full_record().peak_mib is None

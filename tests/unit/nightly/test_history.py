"""What a night cost is compared with the median of the complete nights before it."""

from __future__ import annotations

import io
import json
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import pytest
from rich.console import Console

from dagster_project import cli
from dagster_project.console.history import costs_as_json, print_costs
from dagster_project.console.output import THEME
from dagster_project.nightly import store
from dagster_project.nightly.history import PEAK, TOTAL, compared
from dagster_project.nightly.record import RunRecord, StepTime
from dagster_project.settings import load_settings
from tests.unit.nightly.records import full_record

FIRST = datetime(2026, 1, 1, 2, 15, tzinfo=UTC)


def _night(day: int, *, models: float = 40.0, peak: int | None = 900, is_unchanged: bool = False) -> RunRecord:
    steps = (
        StepTime("preparation", 1.0, None, "", peak),
        StepTime("ingestion", 5.0, 100, "", peak, is_unchanged=is_unchanged),
        StepTime("transformation", models - 10, None, "", peak, is_unchanged=is_unchanged),
        StepTime("churn_risk", 2.0, None, "", peak, is_unchanged=is_unchanged),
        StepTime("marts", 10.0, None, "", peak, is_unchanged=is_unchanged),
        StepTime("publication", 8.0, None, "", peak, is_unchanged=is_unchanged),
        StepTime("· quality gate", 3.0),
    )
    started = FIRST + timedelta(days=day)
    took = timedelta(seconds=16 + models)
    return replace(
        full_record(),
        run_id=f"run {day}",
        as_of=started.date(),
        started_at=started,
        finished_at=started + took,
        steps=steps,
    )


def test_a_step_that_takes_half_as_long_again_has_grown() -> None:
    nights = [_night(4, models=61.0), _night(3), _night(2, models=38.0), _night(1, models=42.0)]
    newest, *others = compared(nights)
    assert newest.medians["models"] == 40.0
    assert newest.grown == ("models",)
    assert newest.ratio(TOTAL) == (16 + 61) / (16 + 40)
    assert [one.grown for one in others] == [(), (), ()]


def test_fewer_than_three_nights_before_are_nothing_to_compare_with() -> None:
    newest, *_ = compared([_night(3, models=400.0), _night(2), _night(1)])
    assert (newest.medians, newest.grown, newest.ratio(TOTAL)) == ({}, (), None)


def test_a_multiple_of_next_to_nothing_has_not_grown() -> None:
    slow = _night(4)
    slow = replace(slow, steps=(replace(slow.steps[0], seconds=1.9), *slow.steps[1:]))
    newest, *_ = compared([slow, _night(3), _night(2), _night(1)])
    assert newest.ratio("rest") == 1.9
    assert not newest.has_grown("rest")


def test_memory_grows_too_and_old_records_do_not_know_it() -> None:
    newest, *_ = compared([_night(5, peak=1400), _night(4, peak=None), _night(3), _night(2), _night(1)])
    assert newest.grown == (PEAK,)
    old, *_ = compared([_night(5, peak=None)])
    assert PEAK not in old.figures


def test_failed_nights_parts_and_nights_with_nothing_to_do_are_no_measure() -> None:
    part = replace(_night(5), steps=_night(5).steps[1:2])
    idle = _night(6, models=20.0, is_unchanged=True)
    nights = [_night(7), idle, part, _night(3), _night(2), _night(1)]
    newest, resting, partial, *_ = compared(nights)
    assert newest.medians["models"] == 40.0
    assert (resting.medians, partial.medians, partial.is_complete) == ({}, {}, False)


def test_the_table_fits_a_hundred_columns_and_marks_what_has_grown() -> None:
    stream = io.StringIO()
    nights = [_night(4, models=12_345.6, peak=23_456), *(_night(day) for day in (3, 2, 1))]
    print_costs(compared(nights), console=Console(file=stream, width=100, theme=THEME, emoji=False))
    lines = stream.getvalue().splitlines()
    assert max(map(len, lines)) <= 100
    assert "12,346▲" in lines[1]
    assert "23,456▲" in lines[1]
    assert "…" not in stream.getvalue()


def test_machines_get_the_same_figures() -> None:
    documents = json.loads(costs_as_json(compared([_night(4, models=61.0), *(_night(day) for day in (3, 2, 1))])))
    newest = documents[0]
    assert (newest["as_of"], newest["grown"]) == (date(2026, 1, 5).isoformat(), ["models"])
    assert (newest["figures"]["models"], newest["medians_before"]["models"]) == (61.0, 40.0)


def test_the_verb_compares_what_was_kept(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("CRM_DATA_DIR", str(tmp_path))
    assert cli.run(["status", "--history"]) == 0
    assert "No night has run" in capsys.readouterr().out
    for day in (1, 2, 3, 4):
        store.save(_night(day, models=61.0 if day == 4 else 40.0), settings=load_settings())
    assert cli.run(["status", "--history", "--runs", "1"]) == 0
    assert "61.0▲" in capsys.readouterr().out
    assert cli.run(["status", "--history", "--runs", "1", "--json"]) == 0
    assert [one["grown"] for one in json.loads(capsys.readouterr().out)] == [["models"]]

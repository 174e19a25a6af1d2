"""The one screen shows what happened, in 100 columns and in 80, and never more than fits."""

from __future__ import annotations

from dataclasses import replace
from io import StringIO
from zoneinfo import ZoneInfo

import pytest
from rich.console import Console

from dagster_project.console.output import THEME
from dagster_project.console.summary import SHOWN_PROBLEMS, print_failure, print_history, print_summary
from dagster_project.nightly.record import Failure, Refusal
from tests.unit.nightly.records import full_record


def _console(width: int) -> tuple[Console, StringIO]:
    stream = StringIO()
    return Console(file=stream, width=width, theme=THEME, highlight=False), stream


@pytest.mark.parametrize("width", [80, 100, 140])
def test_the_summary_fits_and_tells_everything(width: int) -> None:
    console, stream = _console(width)
    print_summary(full_record(), console=console)
    text = stream.getvalue()
    assert max(map(len, text.splitlines())) <= width
    assert len(text.splitlines()) <= 60
    for told in (
        "finished with warnings",
        "orders_2025[1].csv",
        "truncated",
        "31.0 %",
        "+3.0 pp",
        "35.0 %",
        "2025-11 (open)",
    ):
        assert told in text
    for told in (
        "Win back",
        "no consent 40",
        "held back",
        "the list has doubled",
        "/data/published/crm.duckdb",
        "12.3",
    ):
        assert told in text


def test_totals_add_up_over_systems() -> None:
    console, stream = _console(100)
    print_summary(full_record(), console=console)
    [total] = [line for line in stream.getvalue().splitlines() if line.strip().startswith("all ")]
    assert "3,440" in total
    assert "90" in total.split()


def test_many_problems_are_cut_with_a_hint() -> None:
    console, stream = _console(100)
    refusals = tuple(Refusal("shop", "orders", f"{number}.csv", "empty") for number in range(30))
    print_summary(replace(full_record(), refusals=refusals), console=console)
    assert stream.getvalue().count("refused  shop/") == SHOWN_PROBLEMS
    assert "more: crm status --json" in stream.getvalue()


def test_a_failure_is_told_in_one_line_with_its_step() -> None:
    console, stream = _console(80)
    failure = Failure("transformation", "the model a failed: no such table", "models/a.sql", "Correct it.")
    print_failure(replace(full_record(), outcome="failed", failure=failure), console=console)
    assert (
        "failed in transformation: the model a failed: no such table (models/a.sql). Correct it." in stream.getvalue()
    )


def test_history_shows_each_run_in_local_time() -> None:
    console, stream = _console(100)
    print_history([full_record(day=2), full_record(day=1)], console=console, time_zone=ZoneInfo("Europe/Berlin"))
    assert "2026-01-02 03:15" in stream.getvalue()
    assert "1 min 05 s" in stream.getvalue()

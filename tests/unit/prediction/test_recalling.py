"""A family is left alone only while all that it read and wrote is as it was; in doubt it runs."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import replace
from datetime import date, timedelta
from pathlib import Path

import duckdb
import pytest

from dagster_project.prediction import PredictionRun, families, predict, recalled, recalling, remember
from dagster_project.settings import Settings
from tests.unit.prediction.houses import FAMILY, stand_on, warehouse

SUNDAY = date(2025, 12, 28)
FIGURES = [("a", date(2025, 12, 1), 1.0), ("b", SUNDAY, 2.0)]


@pytest.fixture
def house(tmp_path: Path) -> Settings:
    house = warehouse(tmp_path)
    stand_on(house, SUNDAY, fit=SUNDAY, figures=FIGURES)
    return house


@pytest.fixture
def said(house: Settings) -> PredictionRun:
    """What the family said on its first run, remembered."""
    assert recalled(FAMILY, settings=house) is None
    run = predict(FAMILY, settings=house)
    remember(FAMILY, run, settings=house)
    return run


def _execute(house: Settings, sql: str) -> None:
    with duckdb.connect(str(house.warehouse_path)) as connection:
        connection.execute(sql)


def test_what_a_family_said_is_told_again_while_nothing_changed(house: Settings, said: PredictionRun) -> None:
    for _ in range(2):
        again = recalled(FAMILY, settings=house)
        assert again is not None
        assert (again.row_counts, again.fresh_fit_count) == (said.row_counts, 0)
        assert (again.outcome.warnings, again.outcome.detail) == (said.outcome.warnings, said.outcome.detail)
        assert repr(again.outcome.scores) == repr(said.outcome.scores)


CHANGES: dict[str, Callable[[Settings], object]] = {
    "another date": lambda house: stand_on(house, SUNDAY + timedelta(days=1), fit=SUNDAY, figures=FIGURES),
    "another row": lambda house: stand_on(house, SUNDAY, fit=SUNDAY, figures=[*FIGURES, ("z", SUNDAY, 6.0)]),
    "another parameter": lambda house: _execute(house, "update core.dim_parameters set weight = 4"),
    "another cutoff": lambda house: stand_on(house, SUNDAY, fit=SUNDAY - timedelta(days=7), figures=FIGURES),
    "a table of its own that is gone": lambda house: _execute(house, "drop table fitted.averages"),
    "a table of its own that was changed": lambda house: _execute(house, "update fitted.averages set average = 9"),
    "a journal that was changed": lambda house: _execute(house, "delete from journal.scorecards"),
    "what was remembered is gone": lambda house: _execute(house, "drop schema restated cascade"),
    "a model that is gone": lambda house: _execute(house, "drop table kpi.kpi_figures"),
}


@pytest.mark.usefixtures("said")
@pytest.mark.parametrize("change", CHANGES)
def test_whatever_changed_makes_the_family_run(house: Settings, change: str) -> None:
    CHANGES[change](house)
    assert recalled(FAMILY, settings=house) is None


@pytest.mark.usefixtures("said")
def test_a_run_killed_on_its_way_leaves_no_memory(house: Settings) -> None:
    stand_on(house, SUNDAY, fit=SUNDAY, figures=[("z", SUNDAY, 6.0)])
    assert recalled(FAMILY, settings=house) is None
    stand_on(house, SUNDAY, fit=SUNDAY, figures=FIGURES)
    assert recalled(FAMILY, settings=house) is None, "forgotten as soon as it had to run"


@pytest.mark.usefixtures("said")
def test_another_question_or_other_code_makes_the_family_run(house: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    asked = replace(FAMILY, reads={"figures": "select * from kpi.kpi_figures order by figure"})
    assert recalled(asked, settings=house) is None
    remember(FAMILY, predict(FAMILY, settings=house), settings=house)
    monkeypatch.setattr(recalling, "code_fingerprint", lambda: "other")
    assert recalled(FAMILY, settings=house) is None


def test_every_family_declares_the_tables_it_reads() -> None:
    """What is not declared would not be noticed when it changes."""
    for family in families():
        named = {name for sql in family.reads.values() for name in re.findall(r"\b(?:from|join)\s+(\w+\.\w+)", sql)}
        assert named == set(family.models), family.name

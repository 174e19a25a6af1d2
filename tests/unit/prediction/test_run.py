"""A family runs on the warehouse: its tables are made anew, its journals keep what was said, or nothing changes."""

from __future__ import annotations

from dataclasses import replace
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import duckdb
import polars as pl
import pytest

from dagster_project.errors import CrmError
from dagster_project.prediction import Inputs, Outcome, families, predict, prepare_tables
from dagster_project.settings import Settings
from dagster_project.warehouse import open_database
from tests.unit.prediction.houses import FAMILY, stand_on, warehouse

SUNDAY = date(2025, 12, 28)
FIGURES = [("a", date(2025, 12, 1), 1.0), ("b", SUNDAY, 2.0), ("c", date(2025, 12, 29), 9.0)]


@pytest.fixture
def house(tmp_path: Path) -> Settings:
    return warehouse(tmp_path)


def _rows(settings: Settings, sql: str) -> list[tuple[Any, ...]]:
    with duckdb.connect(str(settings.warehouse_path), read_only=True) as connection:
        return connection.execute(sql).fetchall()


def test_a_family_sees_the_date_its_parameters_and_its_frames(house: Settings) -> None:
    seen: list[Inputs] = []

    def look(inputs: Inputs) -> Outcome:
        seen.append(inputs)
        return FAMILY.predict(inputs)

    stand_on(house, SUNDAY + timedelta(days=3), fit=SUNDAY, figures=FIGURES)
    run = predict(replace(FAMILY, predict=look), settings=house)
    (inputs,) = seen
    assert (inputs.as_of, inputs.parameters["weight"]) == (SUNDAY + timedelta(days=3), 3)
    assert (inputs.cutoffs["fit"].through, inputs.cutoffs["today"].through) == (SUNDAY, inputs.as_of)
    assert inputs.frames["figures"]["figure_key"].to_list() == ["a", "b", "c"]
    assert run.row_counts == {"averages": 1, "said_averages": 1}
    assert _rows(house, "from fitted.averages") == [(1.5, 2)]


def test_a_fit_is_kept_until_its_data_changes_or_a_week_is_over(house: Settings) -> None:
    fresh = []
    for day, fit, figures in (
        (SUNDAY, SUNDAY, FIGURES),
        (SUNDAY + timedelta(days=1), SUNDAY, FIGURES),
        (SUNDAY + timedelta(days=2), SUNDAY, [*FIGURES, ("z", SUNDAY, 6.0)]),  # arrived late
        (SUNDAY + timedelta(days=7), SUNDAY + timedelta(days=7), [*FIGURES, ("z", SUNDAY, 6.0)]),
    ):
        stand_on(house, day, fit=fit, figures=figures)
        fresh.append(predict(FAMILY, settings=house).fresh_fit_count)
    assert fresh == [1, 0, 1, 1]
    assert _rows(
        house, "select as_of_date, fitted_through_date, fitted_on_date, row_count from journal.fits order by 1"
    ) == [
        (SUNDAY, SUNDAY, SUNDAY, 2),
        (SUNDAY + timedelta(days=1), SUNDAY, SUNDAY, 2),
        (SUNDAY + timedelta(days=2), SUNDAY, SUNDAY + timedelta(days=2), 3),
        (SUNDAY + timedelta(days=7), SUNDAY + timedelta(days=7), SUNDAY + timedelta(days=7), 4),
    ]


def test_a_repeated_night_replaces_its_own_rows_by_the_same_and_no_others(house: Settings) -> None:
    journals = ("journal.fits", "journal.scorecards", "journal.said_averages")
    days = [SUNDAY + timedelta(days=number) for number in range(3)]
    for day in days:
        stand_on(house, day, fit=SUNDAY, figures=FIGURES)
        predict(FAMILY, settings=house)
        predict(replace(FAMILY, name="other"), settings=house)
    before = {name: _rows(house, f"from {name} order by all") for name in journals}
    assert [len(rows) for rows in before.values()] == [6, 6, 3]

    stand_on(house, days[1], fit=SUNDAY, figures=FIGURES)
    predict(FAMILY, settings=house)
    assert {name: _rows(house, f"from {name} order by all") for name in journals} == before

    stand_on(house, days[1], fit=SUNDAY, figures=FIGURES[:1])
    predict(FAMILY, settings=house)
    after = {name: _rows(house, f"from {name} order by all") for name in journals}
    changed = {row[0] for name in journals for row in {*before[name]} ^ {*after[name]}}
    assert changed == {days[1]}
    assert {row[1] for row in {*before["journal.fits"]} ^ {*after["journal.fits"]}} == {"averages"}


def test_scores_are_rounded_and_what_is_no_number_is_null(house: Settings) -> None:
    stand_on(house, SUNDAY, fit=SUNDAY, figures=FIGURES)
    predict(FAMILY, settings=house)
    assert _rows(house, "select family, measure, value, baseline_value, case_count from journal.scorecards") == [
        ("averages", "mae", 0.333333333, None, 2)
    ]


def test_a_family_that_fails_or_breaks_its_declaration_changes_nothing(house: Settings) -> None:
    stand_on(house, SUNDAY, fit=SUNDAY, figures=FIGURES)
    predict(FAMILY, settings=house)
    stand_on(house, SUNDAY, fit=SUNDAY, figures=FIGURES[:1])

    def forget(inputs: Inputs) -> Outcome:
        return Outcome(tables={"averages": FAMILY.predict(inputs).tables["averages"]})

    def rename(inputs: Inputs) -> Outcome:
        outcome = FAMILY.predict(inputs)
        said = outcome.tables["said_averages"].rename({"average": "mean"})
        return replace(outcome, tables={**outcome.tables, "said_averages": said})

    with pytest.raises(CrmError, match="does not write what it declares: said_averages"):
        predict(replace(FAMILY, predict=forget), settings=house)
    with pytest.raises(ValueError, match="differ in: average, mean"):
        predict(replace(FAMILY, predict=rename), settings=house)
    assert _rows(house, "from fitted.averages") == [(1.5, 2)]


def test_a_warehouse_without_a_date_is_one_sentence(house: Settings) -> None:
    stand_on(house, SUNDAY, fit=SUNDAY, figures=FIGURES)
    with duckdb.connect(str(house.warehouse_path)) as connection:
        connection.execute("delete from core.dim_parameters")
    with pytest.raises(CrmError, match=r"core\.dim_parameters has 0 rows instead of one"):
        predict(FAMILY, settings=house)


def test_a_journal_gets_the_columns_it_lacks_and_old_nights_stay(house: Settings) -> None:
    stand_on(house, SUNDAY, fit=SUNDAY, figures=FIGURES)
    predict(FAMILY, settings=house)
    said = replace(FAMILY.writes[1], columns={"average": "double", "unit": "varchar"})

    def with_unit(inputs: Inputs) -> Outcome:
        outcome = FAMILY.predict(inputs)
        frame = outcome.tables["said_averages"].with_columns(unit=pl.lit("EUR"))
        return replace(outcome, tables={**outcome.tables, "said_averages": frame})

    monday = SUNDAY + timedelta(days=1)
    stand_on(house, monday, fit=SUNDAY, figures=FIGURES)
    predict(replace(FAMILY, writes=(FAMILY.writes[0], said), predict=with_unit), settings=house)
    assert _rows(house, "select as_of_date, average, unit from journal.said_averages order by 1") == [
        (SUNDAY, 1.5, None),
        (monday, 1.5, "EUR"),
    ]


def test_every_table_of_every_family_can_be_made_empty(house: Settings) -> None:
    with open_database(house.warehouse_path, settings=house) as connection:
        prepare_tables(connection, families())
        prepare_tables(connection, families())
        made = {
            f"{schema}.{name}"
            for schema, name in connection.execute(
                "select schema_name, table_name from duckdb_tables() where schema_name in ('fitted', 'journal')"
            ).fetchall()
        }
    assert {f"{table.schema}.{table.name}" for family in families() for table in family.writes} <= made


def test_families_are_declared_so_that_a_newcomer_finds_them() -> None:
    assert len({family.name for family in families()}) == len(families())
    tables = [table for family in families() for table in family.writes]
    assert len({(table.schema, table.name) for table in tables}) == len(tables)
    assert [table.name for table in tables if not table.description.startswith(("One row per ", "One row: "))] == []
    unordered = [
        f"{f.name}: {name}" for f in families() for name, sql in f.reads.items() if "order by" not in sql.lower()
    ]
    assert unordered == []

"""Satisfaction agrees with plain SQL over the survey workbook, its interval with one computed by NumPy."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import date
from pathlib import Path
from typing import Any

import duckdb
import numpy as np
import polars as pl
import pytest
from scipy.stats import norm

from tests.conftest import Company
from tests.integration.kpi_sql_checks.landing import figures, open_landing

Rows = list[tuple[Any, ...]]

CHECKS = Path(__file__).parent / "kpi_sql_checks"
TEXTS = {"Kundennummer": pl.String, "Kommentar": pl.String}
"""Columns that are empty in some workbooks, so that their type cannot be seen there."""


@pytest.fixture(scope="module")
def raw(demo: Company) -> Iterator[duckdb.DuckDBPyConnection]:
    """The raw files as tables, the workbook of the survey tool among them."""
    sheets = pl.concat(
        [
            pl.read_excel(path, sheet_name="Antworten", schema_overrides=TEXTS).with_columns(
                pl.lit(path.name).alias("file"), pl.int_range(pl.len()).alias("line")
            )
            for path in sorted((demo.landing / "survey").glob("Umfrage_*.xlsx"))
        ],
        how="diagonal_relaxed",
    )
    people = pl.read_parquet(demo.truth / "customers.parquet")
    with open_landing(demo.landing, truth=demo.truth, as_of=demo.as_of) as connection:
        for table, frame in (("survey_umfrage", sheets), ("people", people)):
            connection.register("frame", frame)
            connection.execute(f"create table {table} as from frame")
        for base in ("base_revenue", "base_satisfaction"):
            connection.execute((CHECKS / f"{base}.sql").read_text())
        yield connection


def _mart(demo: Company, columns: str, table: str, where: str = "denominator > 0") -> Rows:
    return _plain(demo.query(f"select {columns} from kpi.{table} where {where} order by all"))


def _plain(rows: Rows) -> Rows:
    """Numbers as floats, so that 4 equals Decimal('4.00')."""
    return [
        tuple(cell if isinstance(cell, (str, date)) or cell is None else float(cell) for cell in row) for row in rows
    ]


def test_nps_counts_the_last_answer_of_each_respondent_in_ninety_days(
    demo: Company, raw: duckdb.DuckDBPyConnection
) -> None:
    mart = _mart(
        demo,
        "month, dimension, member, numerator, denominator",
        "kpi_nps_monthly",
        "dimension in ('total', 'team', 'occasion') and denominator > 0",
    )
    assert len(mart) > 100
    assert mart == _plain(figures(raw, "nps"))


def test_interval_of_the_nps_is_the_adjusted_wald_one(demo: Company) -> None:
    rows = _mart(
        demo,
        "promoter_count, passive_count, detractor_count, value, lower_value, upper_value",
        "kpi_nps_monthly",
    )
    promoters, passives, detractors, values, lower, upper = np.array(rows).T
    answers = np.vstack([promoters + 0.75, passives + 1.5, detractors + 0.75])
    shares = answers / answers.sum(axis=0)
    marks = np.array([1.0, 0.0, -1.0])
    mean = marks @ shares
    error = np.sqrt(((marks[:, None] - mean) ** 2 * shares).sum(axis=0) / answers.sum(axis=0))
    width = norm.ppf(0.975) * error
    np.testing.assert_allclose(lower, np.clip(100 * (mean - width), -100, 100), atol=1e-4)
    np.testing.assert_allclose(upper, np.clip(100 * (mean + width), -100, 100), atol=1e-4)
    np.testing.assert_allclose(values, 100 * (promoters - detractors) / (promoters + passives + detractors))


def test_ces(demo: Company, raw: duckdb.DuckDBPyConnection) -> None:
    where = "dimension = 'total' and denominator > 0"
    mart = _mart(demo, "month, numerator, denominator, mean_score", "kpi_ces_monthly", where)
    assert len(mart) > 24
    assert mart == _plain(figures(raw, "ces"))


def test_csat_by_first_and_last_rating(demo: Company, raw: duckdb.DuckDBPyConnection) -> None:
    where = "dimension = 'total' and denominator > 0"
    mart = _mart(demo, "reading, month, numerator, denominator, mean_score", "kpi_csat_monthly", where)
    assert len(mart) > 48
    assert mart == _plain(figures(raw, "csat"))


def test_response_rate_by_instrument(demo: Company, raw: duckdb.DuckDBPyConnection) -> None:
    where = "dimension = 'total' and denominator > 0"
    mart = _mart(demo, "reading, month, numerator, denominator", "kpi_survey_response_rate_monthly", where)
    assert len(mart) > 100
    assert mart == _plain(figures(raw, "survey_response_rate"))


def test_churn_and_margin_after_an_answer(demo: Company, raw: duckdb.DuckDBPyConnection) -> None:
    where = "dimension = 'score_band' and denominator > 0"
    mart = _mart(demo, "reading, month, member, numerator, denominator", "kpi_satisfaction_to_money", where)
    assert {(row[0], row[2]) for row in mart} >= {("churn", "detractor"), ("margin", "promoter")}
    assert mart == _plain(figures(raw, "satisfaction_to_money"))


def test_answers_of_a_month_are_those_the_simulation_knows(demo: Company) -> None:
    known = json.loads((demo.truth / "kpi_truth.json").read_text())["monthly"]["nps_answers"]
    found = demo.query(
        """
        select
            month,
            count(*),
            count(*) filter (where answer_group = 'promoter'),
            count(*) filter (where answer_group = 'detractor')
        from kpi.kpi_survey_answers where instrument = 'nps' group by month order by month
        """
    )
    assert len(found) > 30
    assert found == [
        (date.fromisoformat(row["month"]), row["answers"], row["promoters"], row["detractors"])
        for row in known
        if row["answers"]
    ]

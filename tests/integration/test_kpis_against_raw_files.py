"""Each KPI agrees exactly with plain SQL over the raw files, which shares no code with ingestion and models."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from datetime import date
from typing import Any

import duckdb
import pytest
from lifelines import KaplanMeierFitter

from tests.conftest import Company
from tests.integration.kpi_sql_checks.landing import figures, open_landing

Rows = list[tuple[Any, ...]]


@pytest.fixture(scope="module")
def raw(demo: Company) -> Iterator[duckdb.DuckDBPyConnection]:
    """The raw files as tables."""
    with open_landing(demo.landing, truth=demo.truth, as_of=demo.as_of) as connection:
        yield connection


def _mart(demo: Company, columns: str, table: str, where: str = "true") -> Rows:
    return demo.query(f"select {columns} from kpi.{table} where {where} order by all")


def _plain(rows: Rows) -> Rows:
    """Numbers as floats, so that 4 equals Decimal('4.00')."""
    return [
        tuple(cell if isinstance(cell, (str, date)) or cell is None else float(cell) for cell in row) for row in rows
    ]


def test_win_rate_by_count_value_and_cohort(demo: Company, raw: duckdb.DuckDBPyConnection) -> None:
    mart = _mart(
        demo,
        "reading, month, dimension, member, numerator, denominator",
        "kpi_win_rate_monthly",
        "dimension in ('total', 'customer_segment') and denominator > 0",
    )
    assert len(mart) > 100
    expected = [row for row in _plain(figures(raw, "win_rate")) if row[-1] > 0]
    assert _plain(mart) == expected


def test_lead_conversion(demo: Company, raw: duckdb.DuckDBPyConnection) -> None:
    mart = _mart(
        demo, "month, numerator, denominator", "kpi_lead_conversion_monthly", "dimension = 'total' and denominator > 0"
    )
    assert len(mart) > 24
    assert _plain(mart) == _plain(figures(raw, "lead_conversion"))


def test_sales_cycle_from_creation(demo: Company, raw: duckdb.DuckDBPyConnection) -> None:
    mart = _mart(
        demo,
        "month, numerator, denominator, median_days, p75_days, p90_days",
        "kpi_sales_cycle_monthly",
        "dimension = 'total' and reading = 'from_creation' and denominator > 0",
    )
    assert len(mart) > 24
    assert _plain(mart) == _plain(figures(raw, "sales_cycle"))


def test_sales_cycle_from_first_touch(demo: Company, raw: duckdb.DuckDBPyConnection) -> None:
    mart = _mart(
        demo,
        "month, numerator, denominator",
        "kpi_sales_cycle_monthly",
        "dimension = 'total' and reading = 'from_first_touch' and denominator > 0",
    )
    assert _plain(mart) == _plain(figures(raw, "first_touch"))


def test_kaplan_meier_median_is_that_of_lifelines(demo: Company, raw: duckdb.DuckDBPyConnection) -> None:
    cohorts: dict[date, list[tuple[int, bool]]] = defaultdict(list)
    for month, days, is_won in figures(raw, "sales_cycle_durations"):
        cohorts[month].append((days, is_won))
    mart = _mart(
        demo,
        "month, km_median_days",
        "kpi_sales_cycle_survival_monthly",
        "dimension = 'total' and reading = 'from_creation'",
    )
    assert [month for month, _ in mart] == sorted(cohorts)
    for month, median in mart:
        durations, events = zip(*cohorts[month], strict=True)
        unwon = KaplanMeierFitter().fit(durations, events).survival_function_["KM_estimate"]
        reached = unwon.index[unwon <= 0.5 + 1e-9]  # lifelines multiplies binary fractions: one half may come out above
        assert median == (reached[0] if len(reached) else None), month


def test_time_in_stage(demo: Company, raw: duckdb.DuckDBPyConnection) -> None:
    mart = _mart(
        demo, "reading, stage_name, month, numerator, denominator", "kpi_time_in_stage_monthly", "dimension = 'total'"
    )
    expected = figures(raw, "time_in_stage")
    assert len(mart) > 200
    assert [(*row[:3], float(row[4])) for row in mart] == [(*row[:3], float(row[4])) for row in expected]
    # Each stay is rounded to 0.0001 days in the mart.
    assert [float(row[3]) for row in mart] == pytest.approx([row[3] for row in expected], abs=0.01)


def test_contractual_churn(demo: Company, raw: duckdb.DuckDBPyConnection) -> None:
    mart = _mart(
        demo,
        "month, numerator, denominator",
        "kpi_churn_contractual_monthly",
        "dimension = 'total' and denominator > 0",
    )
    assert len(mart) > 24
    assert _plain(mart) == _plain(figures(raw, "churn_contractual"))


def test_inactivity_churn(demo: Company, raw: duckdb.DuckDBPyConnection) -> None:
    mart = _mart(
        demo, "month, numerator, denominator", "kpi_churn_inactivity_monthly", "dimension = 'total' and denominator > 0"
    )
    assert len(mart) > 24
    assert _plain(mart) == _plain(figures(raw, "churn_inactivity"))


def test_first_contact_resolution(demo: Company, raw: duckdb.DuckDBPyConnection) -> None:
    mart = _mart(
        demo,
        "reading, month, dimension, member, numerator, denominator",
        "kpi_first_contact_resolution_monthly",
        "dimension in ('total', 'team') and denominator > 0",
    )
    assert len(mart) > 100
    assert _plain(mart) == _plain(figures(raw, "first_contact_resolution"))


def test_customer_lifetime_value_of_every_customer(demo: Company, raw: duckdb.DuckDBPyConnection) -> None:
    persons = {
        (system, account): person
        for system, account, person in raw.execute(
            "select source_system, account_id, person_id from identities"
        ).fetchall()
    }
    records = demo.query("select source_system, account_id, customer_key from core.dim_customer_records")
    person_of = {customer: persons[system, account] for system, account, customer in records}
    mart = {
        person_of[customer]: tuple(values)
        for customer, *values in _mart(
            demo,
            "customer_key, order_count, revenue_amount, refund_amount, historic_clv_amount",
            "kpi_customer_lifetime_value",
            "revenue_amount <> 0 or refund_amount <> 0",
        )
    }
    expected = {person: tuple(values) for person, *values in figures(raw, "customer_lifetime_value")}
    assert len(expected) > 500
    assert mart == expected


def test_customer_lifetime_value_total(demo: Company, raw: duckdb.DuckDBPyConnection) -> None:
    ((total, customers),) = _mart(
        demo,
        "numerator, denominator",
        "kpi_customer_lifetime_value_monthly",
        f"dimension = 'total' and reading = 'historic' and month = date '{demo.as_of.replace(day=1)}'",
    )
    expected = [row[-1] for row in figures(raw, "customer_lifetime_value") if row[-1] is not None]
    assert (total, customers) == (sum(expected), len(expected))

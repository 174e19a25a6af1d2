"""Movements, retention, cohorts and classes of value agree with plain SQL over the raw files, the Gini with NumPy."""

from __future__ import annotations

import json
from bisect import bisect_left
from collections import defaultdict
from collections.abc import Iterator
from datetime import date
from decimal import Decimal
from itertools import pairwise
from pathlib import Path
from typing import Any

import duckdb
import numpy as np
import pytest

from tests.conftest import Company
from tests.integration.kpi_sql_checks.landing import figures, open_landing

Rows = list[tuple[Any, ...]]

CHECKS = Path(__file__).parent / "kpi_sql_checks"


@pytest.fixture(scope="module")
def raw(demo: Company) -> Iterator[duckdb.DuckDBPyConnection]:
    """The raw files as tables, and what they say about money by person and month."""
    with open_landing(demo.landing, truth=demo.truth, as_of=demo.as_of) as connection:
        connection.execute((CHECKS / "base_revenue.sql").read_text())
        yield connection


def _mart(demo: Company, columns: str, table: str, where: str = "true") -> Rows:
    return _plain(demo.query(f"select {columns} from kpi.{table} where {where} order by all"))


def _plain(rows: Rows) -> Rows:
    """Numbers as floats, so that 4 equals Decimal('4.00')."""
    return [
        tuple(cell if isinstance(cell, (str, date)) or cell is None else float(cell) for cell in row) for row in rows
    ]


def test_movements_of_revenue(demo: Company, raw: duckdb.DuckDBPyConnection) -> None:
    mart = _mart(
        demo,
        "reading, month, numerator, denominator, end_amount, customer_count",
        "kpi_revenue_movements_monthly",
        "dimension = 'total' and customer_count > 0",
    )
    assert {row[0] for row in mart} >= {
        "contract_churn",
        "contract_contraction",
        "rolling_churn",
        "rolling_reactivation",
    }
    assert mart == _plain(figures(raw, "revenue_movements"))


def test_retention_of_revenue(demo: Company, raw: duckdb.DuckDBPyConnection) -> None:
    mart = _mart(
        demo,
        "reading, month, numerator, denominator, cohort_count",
        "kpi_revenue_retention_monthly",
        "dimension = 'total' and cohort_count > 0",
    )
    assert len(mart) > 60
    assert mart == _plain(figures(raw, "revenue_retention"))


def test_cohorts(demo: Company, raw: duckdb.DuckDBPyConnection) -> None:
    mart = _mart(
        demo,
        "cohort_month, months_since, cohort_count, active_count, revenue_amount, margin_amount, late_refund_amount",
        "kpi_cohort_retention",
        "dimension = 'total'",
    )
    assert len(mart) > 600
    assert sum(row[-1] for row in mart) > 0, "no late refund: the check would not see where it is booked"
    assert mart == _plain(figures(raw, "cohort_retention"))


def test_cohorts_at_an_age(demo: Company, raw: duckdb.DuckDBPyConnection) -> None:
    expected = [
        (f"active_share_m{age}", cohort, float(active), float(size))
        for cohort, age, size, active, *_ in figures(raw, "cohort_retention")
        if age in {1, 3, 6, 12, 24}
    ]
    mart = _mart(demo, "reading, month, numerator, denominator", "kpi_cohort_retention_monthly", "dimension = 'total'")
    assert [row for row in mart if row[-1] > 0] == sorted(expected)


def test_rfm_values_and_scores_of_every_customer(demo: Company, raw: duckdb.DuckDBPyConnection) -> None:
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
            "customer_key, recency_days, order_count, revenue_amount, recency_score, frequency_score, monetary_score",
            "kpi_rfm_scores",
        )
    }
    expected = {person: tuple(values) for person, *values in _plain(figures(raw, "rfm_scores"))}
    assert len(expected) > 500
    assert mart == expected


def test_abc_classes_of_every_month(demo: Company, raw: duckdb.DuckDBPyConnection) -> None:
    mart = _plain(
        demo.query(
            "select month, abc_revenue_class, count(*), sum(revenue_12m_amount) from kpi.kpi_value_classes_monthly"
            " group by all order by all"
        )
    )
    assert len(mart) == 75
    assert mart == _plain(figures(raw, "abc_classes"))


def test_effects_of_migration_are_the_change_of_all_revenue(demo: Company, raw: duckdb.DuckDBPyConnection) -> None:
    revenue: dict[date, float] = defaultdict(float)
    for month, _, _, amount in figures(raw, "abc_classes"):
        revenue[month] += float(amount)
    months = sorted(revenue)
    for reading in ("abc_revenue", "rfm"):
        effects = dict(
            demo.query(
                "select month, cast(sum(revenue_effect_amount) as double) from kpi.kpi_value_migration_monthly"
                f" where reading = '{reading}' group by month"
            )
        )
        assert sorted(effects) == months[1:]
        for before, after in pairwise(months):
            assert effects[after] == pytest.approx(revenue[after] - revenue[before], abs=0.005)


def test_gini_and_top_decile_of_every_month(demo: Company, raw: duckdb.DuckDBPyConnection) -> None:
    margins: dict[date, list[float]] = defaultdict(list)
    for month, _, margin in figures(raw, "margins_of_a_year"):
        margins[month].append(float(margin))
    mart = {
        (reading, month): value
        for reading, month, value in demo.query(
            "select reading, month, value from kpi.kpi_customer_equity_monthly where reading <> 'customer_equity'"
        )
    }
    assert len(mart) == 2 * len(margins) == 50
    for month, values in margins.items():
        net = np.sort(np.array(values))
        found = np.maximum(net, 0)
        differences = np.abs(found[:, None] - found[None, :]).mean()
        assert mart["gini", month] == pytest.approx(differences / (2 * found.mean()), abs=1e-6)
        # Who shares a margin with somebody beyond the tenth is beyond it, too.
        not_below = len(net) - np.searchsorted(net, net, side="left")
        top = found[10 * not_below <= len(net)]
        assert mart["top_decile_share", month] == pytest.approx(top.sum() / found.sum(), abs=1e-9)


def test_margin_of_every_decile(demo: Company, raw: duckdb.DuckDBPyConnection) -> None:
    margins: dict[date, list[Decimal]] = defaultdict(list)
    for month, _, margin in figures(raw, "margins_of_a_year"):
        margins[month].append(margin)
    expected = {(month, decile): (0, Decimal(0)) for month in margins for decile in range(1, 11)}
    for month, values in margins.items():
        ascending = sorted(values)
        for value in values:
            not_below = len(values) - bisect_left(ascending, value)
            decile = -(-10 * not_below // len(values))
            count, total = expected[month, decile]
            expected[month, decile] = count + 1, total + value
    mart = demo.query("select month, decile, customer_count, margin_amount from kpi.kpi_margin_concentration")
    assert {(month, decile): (count, total) for month, decile, count, total in mart} == expected


def test_service_budget_classes_share_out_the_margin_of_the_year(demo: Company, raw: duckdb.DuckDBPyConnection) -> None:
    ((total,),) = demo.query("select sum(margin_amount) from kpi.kpi_service_budget_classes")
    year = [row for row in figures(raw, "margins_of_a_year") if row[0] == demo.as_of.replace(day=1)]
    assert len(year) > 1000
    assert total == sum(margin for _, _, margin in year)


def test_customer_equity_is_the_sum_of_the_predictions(demo: Company) -> None:
    totals = demo.query(
        """
        select
            (select sum(predicted_clv_amount) from predictions.pred_customer_values),
            (
                select numerator from kpi.kpi_customer_equity_monthly
                where reading = 'customer_equity' and dimension = 'total'
            )
        """
    )
    assert totals[0][0] == totals[0][1]
    assert totals[0][0] > 0


def test_contracts_churned_are_those_that_truly_did_once_the_month_is_final(demo: Company) -> None:
    content: dict[str, Any] = json.loads((demo.truth / "kpi_truth.json").read_text())
    known = {date.fromisoformat(row["month"]): row["lost"] for row in content["monthly"]["contract_churn"]}
    mart = demo.query(
        "select month, customer_count from kpi.kpi_revenue_movements_monthly"
        " where reading = 'contract_churn' and dimension = 'total' and is_final order by month"
    )
    assert len(mart) > 30
    assert mart == [(month, known[month]) for month, _ in mart]

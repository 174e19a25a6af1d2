"""The revenue forecast of the demo company: its past is that of the raw files, its baseline is computed anew."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from datetime import date
from decimal import Decimal
from pathlib import Path

import duckdb
import pytest

from tests.conftest import Company
from tests.integration.kpi_sql_checks.landing import figures, open_landing

CHECKS = Path(__file__).parent / "kpi_sql_checks"


@pytest.fixture(scope="module")
def raw(demo: Company) -> Iterator[duckdb.DuckDBPyConnection]:
    """The raw files as tables, and what they say about money by person and month."""
    with open_landing(demo.landing, truth=demo.truth, as_of=demo.as_of) as connection:
        connection.execute((CHECKS / "base_revenue.sql").read_text())
        yield connection


def test_both_streams_are_those_of_the_raw_files(demo: Company, raw: duckdb.DuckDBPyConnection) -> None:
    mart = demo.query(
        "select month, revenue_stream, actual_amount from kpi.kpi_revenue_forecast"
        " where member = 'total' and not is_forecast and actual_amount <> 0 order by all"
    )
    assert len(mart) > 60
    assert mart == figures(raw, "revenue_streams")


def test_both_streams_are_what_the_revenue_marts_say(demo: Company) -> None:
    ((streams,),) = demo.query("select sum(actual_amount) from kpi.kpi_revenue_forecast where member = 'total'")
    ((cohorts,),) = demo.query("select sum(revenue_amount) from kpi.kpi_cohort_retention where dimension = 'total'")
    assert streams == cohorts


def test_the_next_six_months_are_expected_within_bounds_and_add_up(demo: Company) -> None:
    rows = demo.query(
        "select month, revenue_stream, member, expected_amount, lower_amount, upper_amount"
        " from kpi.kpi_revenue_forecast where is_forecast"
    )
    assert sorted({row[0] for row in rows}) == [date(2026, month, 1) for month in range(1, 7)]
    sums: dict[tuple[date, str, bool], Decimal] = defaultdict(Decimal)
    for month, stream, member, expected, low, high in rows:
        assert low <= expected <= high
        sums[month, stream, member == "total"] += expected
    assert len(sums) == 24
    assert all(sums[month, stream, True] == sums[month, stream, False] for month, stream, _ in sums)


def test_the_ledger_says_what_is_published_and_no_month_of_it_is_over(demo: Company) -> None:
    columns = "month, revenue_stream, member, expected_amount, lower_amount, upper_amount, method"
    said = demo.query(f"select {columns} from journal.revenue_forecasts where as_of_date = '{demo.as_of}' order by all")
    assert said == demo.query(f"select {columns} from predictions.pred_revenue_forecasts order by all")
    assert demo.query("select count(*) from kpi.kpi_revenue_forecast_accuracy") == [(0,)]


@pytest.mark.parametrize(("stream", "averaged"), [("recurring", 1), ("transactional", 6)])
def test_the_baseline_of_the_scorecard_is_the_naive_rule(demo: Company, stream: str, averaged: int) -> None:
    """From each month end between May and October up to November; segments of the last year only, as all are."""
    months = [
        float(amount)
        for (amount,) in demo.query(
            "select actual_amount from kpi.kpi_revenue_forecast"
            f" where member = 'total' and revenue_stream = '{stream}' and month < '2025-12-01' order by month"
        )
    ]
    errors = []
    for left in range(6, 0, -1):
        known, came = months[:-left], months[-left:]
        said = sum(known[-averaged:]) / averaged
        errors += [said - amount for amount in came]
    scores = dict(
        demo.query(
            "select measure, baseline_value from kpi.kpi_prediction_scorecard where is_latest"
            f" and family = 'revenue_forecast' and model = '{stream}_revenue' and member = 'total'"
        )
    )
    assert scores["bias"] == pytest.approx(sum(errors) / len(errors), abs=0.01)
    assert scores["mae"] == pytest.approx(sum(map(abs, errors)) / len(errors), abs=0.01)


def test_a_model_is_published_exactly_where_it_beats_its_baseline(demo: Company) -> None:
    verdicts = demo.query(
        """
        select replace(model, '_revenue', ''), member, is_better from kpi.kpi_prediction_scorecard
        where family = 'revenue_forecast' and measure = 'mae' and member <> 'total' and is_latest order by all
        """
    )
    believed = dict(
        demo.query(
            "select replace(model, '_revenue', ''), is_better from kpi.kpi_prediction_scorecard"
            " where family = 'revenue_forecast' and measure = 'mae' and member = 'total' and is_latest"
        )
    )
    methods = {
        (stream, member): method
        for stream, member, method in demo.query(
            "select distinct revenue_stream, member, method from predictions.pred_revenue_forecasts"
        )
    }
    assert len(verdicts) == 8
    for stream, member, is_better in verdicts:
        expected = "exponential_smoothing" if is_better and believed[stream] else "naive"
        assert methods[stream, member] == expected, (stream, member)


def test_parameters_were_fitted_on_data_that_ends_with_their_last_day(demo: Company) -> None:
    rows = demo.query(
        "select model, fitted_through_date, row_count from kpi.kpi_prediction_fits where family = 'revenue_forecast'"
    )
    assert {row[1] for row in rows if row[0].endswith("_back_test")} == {date(2025, 6, 28)}
    assert max(row[2] for row in rows if row[0].endswith("_back_test")) == 29  # January 2023 to May 2025
    assert {(row[1], row[2] <= 35) for row in rows if not row[0].endswith("_back_test")} <= {(date(2025, 12, 28), True)}


def test_a_company_simulated_without_breaks_has_none(demo: Company) -> None:
    rows = demo.query("select measure, member, month, reason from kpi.kpi_trend_breaks where is_break")
    ((searched,),) = demo.query("select count(*) from kpi.kpi_trend_breaks")
    assert searched == 18
    assert rows == []

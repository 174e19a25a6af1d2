"""Segments add up to the total, a model that loses is not published, and the ledger keeps what each night said."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import duckdb
import numpy as np
import polars as pl
import pytest

from dagster_project.prediction import Cutoff, FitBook, Inputs, Outcome, predict
from dagster_project.prediction.revenue_forecast import FAMILY
from dagster_project.settings import Settings, load_settings

Amounts = Mapping[tuple[str, str], list[float]]

AS_OF = date(2025, 12, 31)
FIT = date(2025, 12, 28)
HOLDOUT = date(2025, 6, 28)


def _months(count: int, *, last: date = date(2025, 11, 1)) -> list[date]:
    number = last.year * 12 + last.month - 1
    return [date(one // 12, one % 12 + 1, 1) for one in range(number - count + 1, number + 1)]


def _frame(amounts: Amounts) -> pl.DataFrame:
    rows = [
        (month, stream, member, Decimal(f"{value:.2f}"))
        for (stream, member), values in sorted(amounts.items())
        for month, value in zip(_months(len(values)), values, strict=True)
    ]
    schema: dict[str, pl.DataType | type[pl.DataType]] = {
        "month": pl.Date,
        "revenue_stream": pl.String,
        "member": pl.String,
        "revenue_amount": pl.Decimal(18, 2),
    }
    return pl.DataFrame(rows, schema=schema, orient="row")


def _run(amounts: Amounts, *, as_of: date = AS_OF, horizon: int = 6, fits: FitBook | None = None) -> Outcome:
    return FAMILY.predict(
        Inputs(
            as_of=as_of,
            parameters={"forecast_horizon_months": horizon},
            cutoffs={"today": Cutoff(as_of, as_of), "fit": Cutoff(FIT, FIT), "holdout": Cutoff(HOLDOUT, FIT)},
            frames={"months": _frame(amounts)},
            fits=fits or FitBook(as_of=as_of),
        )
    )


def _growing(count: int = 35, *, seed: int = 1) -> list[float]:
    noise = np.random.default_rng(seed).normal(0, 8, count)
    return [float(value) for value in 500 + 20 * np.arange(count) + noise]


def _methods(outcome: Outcome) -> dict[tuple[str, str], str]:
    rows = outcome.tables["revenue_forecasts"].select("revenue_stream", "member", "method").unique().rows()
    return {(stream, member): method for stream, member, method in rows}


def test_segments_add_up_to_the_total_and_lie_within_their_bounds() -> None:
    noise = [float(value) for value in np.random.default_rng(9).normal(300, 90, 35)]
    outcome = _run({("transactional", "a"): _growing(), ("transactional", "b"): noise, ("recurring", "a"): _growing()})
    table = outcome.tables["revenue_forecasts"]
    parts = pl.col("member") != "total"
    sums = table.filter(parts).group_by("month", "revenue_stream").agg(pl.col("expected_amount").sum())
    totals = table.filter(~parts).select("month", "revenue_stream", "expected_amount")
    assert sums.sort("revenue_stream", "month").rows() == totals.sort("revenue_stream", "month").rows()
    assert len(totals) == 12
    assert table.filter(~pl.col("expected_amount").is_between("lower_amount", "upper_amount")).is_empty()


def test_growth_is_followed_where_the_naive_forecast_stays_behind() -> None:
    outcome = _run({("recurring", "a"): _growing()})
    assert _methods(outcome)["recurring", "a"] == "exponential_smoothing"
    expected = outcome.tables["revenue_forecasts"].filter(pl.col("member") == "a").sort("month")["expected_amount"]
    assert [float(value) for value in expected] == pytest.approx([500 + 20 * step for step in range(36, 42)], rel=0.04)
    scores = {(score.member, score.measure): score for score in outcome.scores}
    assert scores["a", "mae"].is_better is scores["total", "mae"].is_better is True
    assert (scores["a", "mae"].learned_through, scores["a", "mae"].watched_until) == (HOLDOUT, date(2025, 11, 30))
    assert scores["a", "mae"].case_count == 6 + 5 + 4 + 3 + 2 + 1
    # What goes on as it was falls behind by 20 a month: 6 forecasts are one month ahead, 5 are two, and so on.
    assert scores["a", "bias"].baseline == pytest.approx(-20 * 56 / 21, abs=8)
    assert outcome.warnings == outcome.notes == ()


def test_a_model_that_loses_is_not_published_and_the_night_says_so() -> None:
    values = [100.0 + 10 * step for step in range(29)] + [380.0] * 6
    outcome = _run({("recurring", "a"): values})
    assert set(_methods(outcome).values()) == {"naive"}
    table = outcome.tables["revenue_forecasts"]
    assert set(table["expected_amount"]) == {Decimal("380.00")}
    (warning,) = outcome.warnings
    assert warning == (
        "the forecast of recurring revenue loses against the last month going on for a, total: "
        "the latter is published for all segments"
    )


def test_what_the_holdout_held_is_not_seen_by_the_model_that_is_tried_on_it() -> None:
    values = _growing()
    seen: list[list[str]] = []
    for change in (0.0, 900.0):
        fits = FitBook(as_of=AS_OF)
        _run({("recurring", "a"): [*values[:-6], *(value + change for value in values[-6:])]}, fits=fits)
        seen.append([fit.parameters for fit in fits.used if fit.model == "recurring_revenue_back_test"])
    assert seen[0] == seen[1] != []


@pytest.mark.parametrize(
    ("as_of", "first", "last"),
    [
        (date(2025, 12, 30), date(2025, 12, 1), date(2026, 6, 1)),
        (date(2025, 12, 31), date(2026, 1, 1), date(2026, 6, 1)),
        (date(2026, 1, 1), date(2026, 1, 1), date(2026, 7, 1)),
    ],
)
def test_months_that_are_over_are_not_forecast_any_more(as_of: date, first: date, last: date) -> None:
    months = sorted(set(_run({("recurring", "a"): _growing()}, as_of=as_of).tables["revenue_forecasts"]["month"]))
    assert (months[0], months[-1]) == (first, last)


@pytest.mark.parametrize(
    ("values", "method", "note"),
    [
        ([0.0] * 17 + _growing(18), "naive", "12 complete months, 13 are needed"),
        ([50.0] * 30, "naive", "all months are the same"),
        ([0.0] * 33 + [5.0, 6.0], None, None),
        (_growing(23) + [0.0] * 12, None, None),
        ([0.0] * 35, None, None),
        ([7.0], None, None),
        ([4.0, 5.0, 6.0], "naive", "1 complete months, 13 are needed"),
    ],
)
def test_young_stopped_and_flat_segments_are_naive_or_nothing(
    values: list[float], method: str | None, note: str | None
) -> None:
    outcome = _run({("recurring", "a"): values})
    assert _methods(outcome).get(("recurring", "a")) == method
    assert [one.rpartition(": ")[2] for one in outcome.notes] == ([note] if note else [])
    assert outcome.warnings == ()


def test_zeros_and_negative_months_are_forecast_like_others() -> None:
    values = [float(value) for value in np.random.default_rng(3).normal(0, 50, 35)]
    lumps = [0.0 if step % 4 else 900.0 for step in range(35)]
    table = _run({("transactional", "a"): values, ("transactional", "b"): lumps}).tables["revenue_forecasts"]
    assert len(table) == 18
    assert table.filter(pl.col("member") == "b")["lower_amount"].min() == Decimal("0.00")


def test_an_empty_company_has_an_empty_forecast() -> None:
    outcome = _run({})
    assert outcome.tables["revenue_forecasts"].is_empty()
    assert outcome.notes == ("revenue forecast: no month is complete",)


def _house(folder: Path) -> Settings:
    settings = load_settings({"CRM_DATA_DIR": str(folder), "CRM_MEMORY_LIMIT": "1GiB", "CRM_THREADS": "2"})
    folder.mkdir(parents=True, exist_ok=True)
    return settings


def _night(settings: Settings, day: date, *, values: list[float]) -> None:
    """Stand on a day whose last fit was on the Sunday before it, with these months up to November."""
    sunday = day - timedelta(days=(day.weekday() + 1) % 7)
    months = _frame({("recurring", "a"): values}).with_columns(purpose=pl.lit("fit"), is_complete=pl.lit(value=True))
    with duckdb.connect(str(settings.warehouse_path)) as connection:
        connection.execute("create schema if not exists core; create schema if not exists predictions")
        connection.execute(
            "create or replace table core.dim_parameters as select ?::date as as_of_date, 2 as forecast_horizon_months",
            [day],
        )
        connection.execute(
            "create or replace table predictions.pred_cutoffs as"
            " select 'today' as purpose, $day::date as through_date, $day::date as until_date"
            " union all select 'fit', $sunday::date, $sunday::date"
            " union all select 'holdout', ($sunday::date - interval 6 month)::date, $sunday::date",
            {"day": day, "sunday": sunday},
        )
        connection.register("months", months.to_arrow())
        connection.execute("create or replace table predictions.pred_revenue_months as from months")
    predict(FAMILY, settings=settings)


def _ledger(settings: Settings) -> dict[date, list[tuple[Any, ...]]]:
    with duckdb.connect(str(settings.warehouse_path), read_only=True) as connection:
        rows = connection.execute("from journal.revenue_forecasts order by all").fetchall()
    return {day: [row[1:] for row in rows if row[0] == day] for day in sorted({row[0] for row in rows})}


def test_the_ledger_keeps_each_night_and_a_refit_changes_none_before_it(tmp_path: Path) -> None:
    settings = _house(tmp_path)
    saturday, values = date(2025, 12, 20), _growing()
    days = [saturday, saturday + timedelta(days=1), saturday + timedelta(days=2)]
    _night(settings, days[0], values=values)
    first = _ledger(settings)
    _night(settings, days[1], values=[*values[:-1], values[-1] + 80])
    second = _ledger(settings)
    _night(settings, days[2], values=[*values[:-1], values[-1] + 80])
    third = _ledger(settings)
    assert list(third) == days
    assert (third[days[0]], third[days[1]]) == (first[days[0]], second[days[1]])
    assert third[days[0]] != third[days[1]] == third[days[2]]
    assert [len(rows) for rows in third.values()] == [6, 6, 6]

    _night(settings, days[1], values=[*values[:-1], values[-1] + 80])
    assert _ledger(settings) == third
    _night(settings, days[1], values=[value + 500 for value in values])
    changed = _ledger(settings)
    assert [day for day in days if changed[day] != third[day]] == [days[1]]

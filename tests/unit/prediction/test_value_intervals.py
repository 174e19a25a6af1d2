"""Intervals of customer value hold what they say, for customers drawn by the laws that are fitted."""

from __future__ import annotations

from datetime import date, timedelta

import numpy as np
import polars as pl
import pytest

from dagster_project.prediction.value import purchases as law
from dagster_project.prediction.value.fitting import ContractFit, ValueFit
from dagster_project.prediction.value.scoring import horizon_after, score_customers
from dagster_project.prediction.value.spend import fit_spend
from tests.unit.prediction.buyers import AS_OF, draw

SIZE = 4_000
DAY = AS_OF - timedelta(days=365)
NO_CONTRACTS = {
    "customer_key": pl.String,
    "is_lost": pl.Boolean,
    "renewal_count": pl.Int64,
    "monthly_margin_amount": pl.Float64,
}


def _histories(purchases: pl.DataFrame, *, day: date) -> pl.DataFrame:
    """What is known on a day, and `later`: what the year after it brought."""
    known, first = pl.col("day") <= day, pl.col("day").min()
    repeat = known & (pl.col("day") > first)
    return (
        purchases.group_by("customer_key")
        .agg(
            repeat_purchase_days=repeat.sum(),
            recency_days=(pl.col("day").filter(known).max() - first).dt.total_days(),
            age_days=(pl.lit(day) - first).dt.total_days(),
            valued_purchase_days=repeat.sum(),
            mean_purchase_margin_amount=pl.col("margin").filter(repeat).mean(),
            later=pl.col("margin").filter(~known).sum(),
        )
        .filter(pl.col("age_days") >= 0)
        .sort("customer_key")
    )


def _scored(histories: pl.DataFrame, *, fitted_on: pl.DataFrame) -> pl.DataFrame:
    seen = fitted_on.filter(pl.col("repeat_purchase_days") > 0)
    columns = ("repeat_purchase_days", "recency_days", "age_days")
    distinct, _ = law.distinct_histories(*(fitted_on[name].to_numpy() for name in columns))
    spend = fit_spend(seen["repeat_purchase_days"].to_numpy(), seen["mean_purchase_margin_amount"].to_numpy())
    return score_customers(
        histories,
        histories=histories.with_columns(customer_segment=pl.lit("all")),
        contracts=pl.DataFrame(schema=NO_CONTRACTS),
        own=(),
        fits={"total": ValueFit("total", law.fit_purchases(distinct), spend, kept_rate=1.0, problem="")},
        contract_fit=ContractFit(None, 0.0, "none"),
        horizon=horizon_after(DAY, months=12, annual_discount_rate=0.0),
    )


@pytest.fixture(scope="module")
def drawn() -> pl.DataFrame:
    return _histories(draw(SIZE, seed=3, days=1_500).purchases, day=DAY)


def test_a_year_brings_what_the_interval_says_at_its_nominal_rate(drawn: pl.DataFrame) -> None:
    scored = _scored(drawn, fitted_on=drawn).with_columns(drawn["later"])
    lower, upper, later = (
        scored[name].cast(pl.Float64).to_numpy() for name in ("lower_amount", "upper_amount", "later")
    )
    inside = (lower <= later) & (later <= upper)
    two_sided, one_sided = lower > 0, (lower == 0) & (upper > 0)
    for rows, nominal in ((two_sided, 0.80), (one_sided, 0.90)):
        assert rows.sum() > 200
        tolerance = 0.02 + 3 * np.sqrt(nominal * (1 - nominal) / rows.sum())
        assert abs(inside[rows].mean() - nominal) < tolerance
    assert inside[upper == 0].mean() > 0.90
    predicted = scored["predicted_amount"].cast(pl.Float64).sum()
    assert predicted == pytest.approx(later.sum(), rel=0.05)


def test_fewer_customers_to_learn_from_make_wider_intervals(drawn: pl.DataFrame) -> None:
    few = drawn.filter(pl.int_range(pl.len()) % 20 == 0)
    widths = []
    for fitted_on in (drawn, few):
        scored = _scored(few, fitted_on=fitted_on)
        lower, upper, predicted = (scored[f"{name}_amount"].to_numpy() for name in ("lower", "upper", "predicted"))
        active = (scored["probability_alive"].to_numpy() > 0.9) & (predicted > 0)
        widths.append(float(((upper - lower)[active] / predicted[active]).mean()))
    assert widths[1] > widths[0]

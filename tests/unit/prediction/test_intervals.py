"""Intervals of purchases cover what they say, on customers drawn by the law of the demo company."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from dagster_project.prediction.value.intervals import expectation_errors, expectation_interval, purchases_interval
from dagster_project.prediction.value.optimum import FloatArray, IntArray
from dagster_project.prediction.value.purchases import (
    Histories,
    PurchaseFit,
    distinct_histories,
    expected_purchases,
    fit_purchases,
)

TRUE = PurchaseFit("mbg_nbd", 1.6, 2.0, 0.8, 6.0, None, 0.0, is_converged=True, verdict="")
SEEN, LATER = 24.0, 12.0


def _drawn(customers: int, *, seed: int) -> tuple[Histories, IntArray, FloatArray]:
    """Histories of customers of up to 24 months with the index of each, and what they bought in the 12 after them."""
    random = np.random.default_rng(seed)
    age = random.uniform(1.0, SEEN, customers)
    rate = random.gamma(TRUE.r, 1 / TRUE.alpha, customers)
    lasting = random.geometric(random.beta(TRUE.a, TRUE.b, customers)) - 1
    gaps = random.exponential(1.0, (customers, 400)) / rate[:, None]
    at = np.cumsum(gaps, axis=1)
    made = np.arange(400) < lasting[:, None]
    seen = made & (at <= age[:, None])
    later = made & (at > age[:, None]) & (at <= age[:, None] + LATER)
    histories, index = distinct_histories(seen.sum(axis=1), np.where(seen, at, 0.0).max(axis=1), age)
    return histories, index, later.sum(axis=1).astype(np.float64)


def test_purchases_lie_within_their_interval_as_often_as_it_says() -> None:
    """At least 80 %; where purchases are so many that whole numbers hardly matter, not much more than that."""
    inside, inside_of_many = [], []
    for seed in range(8):
        histories, index, later = _drawn(1_500, seed=seed)
        fit = fit_purchases(histories)
        assert fit.is_converged, fit.verdict
        lower, upper = (ends[index] for ends in purchases_interval(fit, histories, horizon=LATER))
        within = (lower <= later) & (later <= upper)
        many = upper - lower >= 8
        inside.append(within.mean())
        inside_of_many.append(within[many].mean())
        assert many.sum() > 100
    assert 0.80 <= np.mean(inside) <= 0.90
    assert np.mean(inside_of_many) == pytest.approx(0.82, abs=0.03)


def test_the_interval_of_the_expectation_covers_the_true_one() -> None:
    """Of 40 fits about 80 %; fewer than 24 or all 40 happen by chance once in 500 times each."""
    one, _ = distinct_histories([4.0], [11.0], [12.0])
    true = expected_purchases(TRUE, one, horizon=LATER)[0]
    inside = 0
    for seed in range(40):
        lower, upper = expectation_interval(fit_purchases(_drawn(800, seed=100 + seed)[0]), one, horizon=LATER)
        inside += int(lower[0] <= true <= upper[0])
    assert 25 <= inside <= 39, inside


def test_not_knowing_the_parameters_widens_the_interval() -> None:
    few, _ = distinct_histories([1, 4, 30], [0.4, 11, 12], [0.5, 12, 12])
    unsure = replace(TRUE, covariance=np.diag([1.0, 1.0, 1.0, 1.0]))
    sure = replace(TRUE, covariance=np.diag([1e-12] * 4))
    width, known, unknown = (
        np.subtract(*purchases_interval(fit, few, horizon=LATER)[::-1]) for fit in (TRUE, sure, unsure)
    )
    assert known.tolist() == width.tolist()
    assert (unknown >= width).all()
    assert unknown[0] > width[0]  # seen for two weeks: the others matter most
    assert expectation_errors(TRUE, few, horizon=LATER).tolist() == [0.0, 0.0, 0.0]


def test_the_interval_is_that_of_the_drawn_future() -> None:
    """A customer first seen 12 months ago with 4 repeat purchases, the last a month ago: 200,000 futures."""
    random = np.random.default_rng(5)
    one, _ = distinct_histories([4.0], [11.0], [12.0])
    size = 200_000
    rate = random.gamma(TRUE.r + 4.0, 1 / (TRUE.alpha + 12.0), size)
    p = random.beta(TRUE.a, TRUE.b + 5.0, size)
    alive = 1 / (1 + TRUE.a / (TRUE.b + 4.0) * ((TRUE.alpha + 12.0) / (TRUE.alpha + 11.0)) ** (TRUE.r + 4.0))
    future = np.where(random.random(size) < alive, np.minimum(random.poisson(rate * LATER), random.geometric(p)), 0)
    lower, upper = (int(end[0]) for end in purchases_interval(TRUE, one, horizon=LATER))
    below = (future < lower).mean()
    assert below <= 0.101 < (future <= lower).mean() + 0.002
    assert (future <= upper).mean() - below >= 0.798
    assert (future <= upper - 1).mean() - below < 0.802
    assert future.mean() == pytest.approx(expected_purchases(TRUE, one, horizon=LATER)[0], rel=0.01)


def test_nobody_and_no_time_ahead_are_borne() -> None:
    nobody, _ = distinct_histories([], [], [])
    assert [ends.tolist() for ends in purchases_interval(TRUE, nobody, horizon=LATER)] == [[], []]
    one, _ = distinct_histories([4.0], [11.0], [12.0])
    assert [ends.tolist() for ends in purchases_interval(TRUE, one, horizon=0.0)] == [[0], [0]]
    assert expected_purchases(TRUE, nobody, horizon=LATER).size == 0

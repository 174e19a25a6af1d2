"""The error of an expectation covers the true one, on customers drawn by the law that is fitted."""

from __future__ import annotations

import numpy as np

from dagster_project.prediction.value.intervals import expectation_errors
from dagster_project.prediction.value.purchases import (
    Histories,
    PurchaseFit,
    distinct_histories,
    expected_purchases,
    fit_purchases,
)

TRUE = PurchaseFit("mbg_nbd", 1.6, 2.0, 0.8, 6.0, None, 0.0, is_converged=True, verdict="")
SEEN, LATER = 24.0, 12.0
EIGHTY_PERCENT = 1.2816
"""Standard deviations on either side."""


def _drawn(customers: int, *, seed: int) -> Histories:
    """Histories of customers of up to 24 months."""
    random = np.random.default_rng(seed)
    age = random.uniform(1.0, SEEN, customers)
    rate = random.gamma(TRUE.r, 1 / TRUE.alpha, customers)
    lasting = random.geometric(random.beta(TRUE.a, TRUE.b, customers)) - 1
    at = np.cumsum(random.exponential(1.0, (customers, 400)) / rate[:, None], axis=1)
    seen = (np.arange(400) < lasting[:, None]) & (at <= age[:, None])
    return distinct_histories(seen.sum(axis=1), np.where(seen, at, 0.0).max(axis=1), age)[0]


def test_the_error_of_an_expectation_covers_the_true_one() -> None:
    """Of 40 fits about 80 %; fewer than 24 or all 40 happen by chance once in 500 times each."""
    one, _ = distinct_histories([4.0], [11.0], [12.0])
    true = expected_purchases(TRUE, one, horizon=LATER)[0]
    inside = 0
    for seed in range(40):
        fit = fit_purchases(_drawn(800, seed=100 + seed))
        expected = expected_purchases(fit, one, horizon=LATER)[0]
        error = expectation_errors(fit, one, horizon=LATER)[0]
        inside += int(abs(np.log(true / expected)) <= EIGHTY_PERCENT * error / expected)
    assert 25 <= inside <= 39, inside


def test_without_a_covariance_nothing_is_unsure() -> None:
    few, _ = distinct_histories([1, 4, 30], [0.4, 11, 12], [0.5, 12, 12])
    assert expectation_errors(TRUE, few, horizon=LATER).tolist() == [0.0, 0.0, 0.0]

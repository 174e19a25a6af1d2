"""How sure expected purchases are, and within what those to come will lie; expectations are in `purchases.py`."""

from __future__ import annotations

import numpy as np

from dagster_project.prediction.value.optimum import FloatArray, IntArray, spread_directions
from dagster_project.prediction.value.purchases import (
    Histories,
    PurchaseFit,
    chances_to_drop,
    expected_purchases,
    probability_alive,
)

STEP = 1e-3
MOST = 100_000
"""Nobody is counted further than to this many purchases."""


def expectation_errors(fit: PurchaseFit, histories: Histories, *, horizon: float) -> FloatArray:
    """Standard errors of expected purchases: what is not known of the parameters (delta method).

    Args:
        fit: The fit; without a covariance the errors are 0.
        histories: Combinations.
        horizon: From the end of what was seen.

    Returns:
        One value per combination.
    """
    variance = np.zeros(histories.age.size)
    for direction in spread_directions(fit.covariance):
        ahead = expected_purchases(fit.moved(STEP * direction), histories, horizon=horizon)
        behind = expected_purchases(fit.moved(-STEP * direction), histories, horizon=horizon)
        variance += ((ahead - behind) / (2 * STEP)) ** 2
    errors: FloatArray = np.sqrt(variance)
    return errors


def expectation_interval(
    fit: PurchaseFit, histories: Histories, *, horizon: float, level: float = 0.8
) -> tuple[FloatArray, FloatArray]:
    """Within what the expected purchases lie with a chance of `level`; symmetric in their logarithm, so never negative.

    Returns:
        Lower and upper end per combination.
    """
    from scipy import special

    expected = expected_purchases(fit, histories, horizon=horizon)
    errors = expectation_errors(fit, histories, horizon=horizon)
    width = np.exp(special.ndtri((1 + level) / 2) * errors / np.maximum(expected, 1e-300))
    return expected / width, expected * width


def purchases_interval(
    fit: PurchaseFit, histories: Histories, *, horizon: float, level: float = 0.8
) -> tuple[IntArray, IntArray]:
    """Within what the number of purchases to come lies with a chance of at least `level`.

    Both chance and what is not known of the parameters are in it. A customer makes n purchases or more if he is a
    customer, his rate brings n, and he stays after the first n - 1; over rate and drop-out probability each has a
    closed form (negative binomial, ratio of beta functions), so the distribution is exact. It is averaged over the
    points of a cubature of the parameters (Arasaratnam and Haykin 2009), which needs no random number. As purchases are
    whole numbers and many customers will make none, what cannot be cut off below is left to the upper end.

    Returns:
        Fewest and most purchases per combination.
    """
    points = _cubature(fit)
    alive = np.array([probability_alive(point, histories) for point in points])
    none_below = (1 - level) / 2
    lower, upper = (np.zeros(histories.age.size, dtype=np.int64) for _ in range(2))
    below = np.zeros(histories.age.size)
    open_rows: IntArray = np.arange(histories.age.size)
    for count in range(MOST):
        reached = 1.0 - _at_least(points, alive, histories, rows=open_rows, count=count + 1, horizon=horizon)
        is_below = reached <= none_below
        lower[open_rows[is_below]] = count + 1
        below[open_rows[is_below]] = reached[is_below]
        is_open = reached < below[open_rows] + level - 1e-12
        upper[open_rows] = count
        open_rows = open_rows[is_open]
        if not open_rows.size:
            break
    return lower, upper


def _cubature(fit: PurchaseFit) -> list[PurchaseFit]:
    """Parameters of equal weight with the mean and the covariance of the fit's logarithms."""
    directions = spread_directions(fit.covariance)
    if not directions.size:
        return [fit]
    reach = np.sqrt(directions.shape[0])
    return [fit.moved(sign * reach * direction) for direction in directions for sign in (1.0, -1.0)]


def _at_least(
    points: list[PurchaseFit], alive: FloatArray, histories: Histories, *, rows: IntArray, count: int, horizon: float
) -> FloatArray:
    """Chance of `count` purchases or more within the horizon, count > 0."""
    from scipy import special

    frequency, age = histories.frequency[rows], histories.age[rows]
    total = np.zeros(rows.size)
    for point, its_alive in zip(points, alive, strict=True):
        b = point.b + chances_to_drop(point, frequency)
        stays = np.exp(special.betaln(point.a, b + count - 1.0) - special.betaln(point.a, b))
        brings = special.betainc(count, point.r + frequency, horizon / (point.alpha + age + horizon))
        total += its_alive[rows] * stays * brings
    mean: FloatArray = total / len(points)
    return mean

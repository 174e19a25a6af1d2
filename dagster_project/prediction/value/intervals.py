"""How sure expected purchases are; expectations are in `purchases.py`, intervals of what comes in `scoring.py`."""

from __future__ import annotations

import numpy as np

from dagster_project.prediction.value.optimum import FloatArray, spread_directions
from dagster_project.prediction.value.purchases import Histories, PurchaseFit, expected_purchases

STEP = 1e-3


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

"""How long contracts last (shifted beta-geometric, Fader and Hardie 2007); what they bring in is no matter here.

Each customer ends the contract at each renewal with an own probability, which is Beta(alpha, beta).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from dagster_project.prediction.value.optimum import FloatArray, maximise

NAMES = ("alpha", "beta")
BOUNDS = ((-7.0, 7.0), (-7.0, 10.0))
STARTS = ((0.0, 1.0), (-0.5, 0.5), (1.0, 4.0))
"""Log-parameters."""


@dataclass(frozen=True, eq=False)
class RetentionFit:
    """Parameters, with what is known about them.

    Args:
        alpha: First parameter of the probabilities to leave.
        beta: Second one: the mean is alpha / (alpha + beta).
        covariance: 2 x 2 of the logarithms; None where it could not be had.
        log_likelihood: Of all contracts.
        is_converged: Whether the parameters may be used.
        verdict: One sentence that says why or why not.
    """

    alpha: float
    beta: float
    covariance: FloatArray | None
    log_likelihood: float
    is_converged: bool
    verdict: str

    @property
    def standard_errors(self) -> dict[str, float | None]:
        """Of alpha and beta themselves (delta method)."""
        if self.covariance is None:
            return dict.fromkeys(NAMES)
        errors = np.array([self.alpha, self.beta]) * np.sqrt(np.diag(self.covariance))
        return {name: float(error) for name, error in zip(NAMES, errors, strict=True)}

    def to_json(self) -> dict[str, Any]:
        """Plain values, for the journal."""
        covariance = None if self.covariance is None else self.covariance.tolist()
        return {**self.__dict__, "covariance": covariance}

    @staticmethod
    def from_json(values: Mapping[str, Any]) -> RetentionFit:
        """Undo `to_json`."""
        covariance = values["covariance"]
        return RetentionFit(**{**values, "covariance": None if covariance is None else np.array(covariance)})


def fit_retention(survived: Any, is_lost: Any, weight: Any) -> RetentionFit:
    """Maximum likelihood; never raises for the sake of the data: see `is_converged` and `verdict`.

    Args:
        survived: Renewals survived.
        is_lost: Whether the contract ended at the one after them; else nothing more is known of it.
        weight: How many contracts have this combination.
    """
    t, lost = np.asarray(survived, dtype=np.float64), np.asarray(is_lost, dtype=np.bool_)
    w = np.asarray(weight, dtype=np.float64)
    problem = _problem(t, lost)
    if problem:
        return RetentionFit(1.0, 1.0, None, 0.0, is_converged=False, verdict=f"Not fitted: {problem}.")
    optimum = maximise(lambda point: log_likelihood(point, t, lost, weight=w), starts=STARTS, bounds=BOUNDS)
    alpha, beta = (float(value) for value in np.exp(optimum.parameters))
    return RetentionFit(
        alpha, beta, optimum.covariance, optimum.log_likelihood, optimum.is_converged, optimum.verdict(NAMES)
    )


def _problem(survived: FloatArray, lost: Any) -> str:
    if not survived.size:
        return "there is no contract"
    if not np.isfinite(survived).all() or (survived < 0).any():
        return "a number of renewals is missing or negative"
    if not lost.any():
        return "no contract has ended"
    if lost.all() and not survived.any():
        return "every contract ended at its first renewal"
    return ""


def log_likelihood(
    parameters: FloatArray, survived: FloatArray, is_lost: Any, *, weight: FloatArray
) -> tuple[float, FloatArray]:
    """Log-likelihood at log-parameters (log alpha, log beta), and its gradient with respect to them, shape (2,)."""
    from scipy import special

    alpha, beta = np.exp(parameters)
    first, second = alpha + is_lost, beta + survived
    value = special.betaln(first, second) - special.betaln(alpha, beta)
    both = special.digamma(first + second) - special.digamma(alpha + beta)
    by_alpha = special.digamma(first) - special.digamma(alpha) - both
    by_beta = special.digamma(second) - special.digamma(beta) - both
    return float(weight @ value), np.array([alpha * (weight @ by_alpha), beta * (weight @ by_beta)])


def survival(fit: RetentionFit, periods: Any) -> FloatArray:
    """Chance that a contract survives so many renewals; any shape."""
    from scipy import special

    t = np.asarray(periods, dtype=np.float64)
    chance: FloatArray = np.exp(special.betaln(fit.alpha, fit.beta + t) - special.betaln(fit.alpha, fit.beta))
    return chance

"""What a purchase of a customer brings in (Gamma-Gamma, Fader and Hardie 2013); purchases are counted elsewhere.

The value of a purchase is Gamma(p, own rate), the own rate Gamma(q, v).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from dagster_project.prediction.value.optimum import FloatArray, Objective, maximise

NAMES = ("p", "q", "v")
BOUNDS = ((-6.0, 9.0), (-6.0, 9.0), (-12.0, 12.0))
STARTS = ((1.0, 1.2, 1.0), (0.0, 0.7, 0.0), (2.0, 1.5, 0.0))
"""Log-parameters, where one unit of money is the mean value."""
ROUGH_SIZE = 20_000
"""On so many customers the starts compete."""


@dataclass(frozen=True, eq=False)
class SpendFit:
    """Parameters in the unit of money of the values, with what is known about them.

    Args:
        p: Shape of the values of one customer's purchases.
        q: Shape of the customers' rates.
        v: Their scale: the mean value is p v / (q - 1).
        covariance: 3 x 3 of the logarithms; None where it could not be had.
        log_likelihood: Of all customers.
        is_converged: Whether the parameters may be used.
        verdict: One sentence that says why or why not.
    """

    p: float
    q: float
    v: float
    covariance: FloatArray | None
    log_likelihood: float
    is_converged: bool
    verdict: str

    @property
    def standard_errors(self) -> dict[str, float | None]:
        """Of p, q and v themselves (delta method)."""
        if self.covariance is None:
            return dict.fromkeys(NAMES)
        errors = np.array([self.p, self.q, self.v]) * np.sqrt(np.diag(self.covariance))
        return {name: float(error) for name, error in zip(NAMES, errors, strict=True)}

    def moved(self, step: FloatArray) -> SpendFit:
        """The same fit with its log-parameters moved by `step`, as far as values keep a mean."""
        p, q, v = np.exp(np.log([self.p, self.q, self.v]) + step)
        return replace(self, p=float(p), q=max(float(q), 1.001), v=float(v))

    def to_json(self) -> dict[str, Any]:
        """Plain values, for the journal."""
        covariance = None if self.covariance is None else self.covariance.tolist()
        return {**self.__dict__, "covariance": covariance}

    @staticmethod
    def from_json(values: Mapping[str, Any]) -> SpendFit:
        """Undo `to_json`."""
        covariance = values["covariance"]
        return SpendFit(**{**values, "covariance": None if covariance is None else np.array(covariance)})


def fit_spend(repeat_purchases: Any, mean_value: Any, *, weight: Any = None) -> SpendFit:
    """Maximum likelihood; never raises for the sake of the data: see `is_converged` and `verdict`.

    Args:
        repeat_purchases: Per customer, how many repeat purchases with a value.
        mean_value: Their mean, positive.
        weight: How many customers have this combination; one each if not given.
    """
    x = np.asarray(repeat_purchases, dtype=np.float64)
    z = np.asarray(mean_value, dtype=np.float64)
    w = np.ones(x.size) if weight is None else np.asarray(weight, dtype=np.float64)
    problem = _problem(x, z)
    if problem:
        return SpendFit(1.0, 2.0, 1.0, None, 0.0, is_converged=False, verdict=f"Not fitted: {problem}.")
    unit = float(np.average(z, weights=w))
    every = slice(None, None, max(1, x.size // ROUGH_SIZE))
    optimum = maximise(
        likelihood_of(x, z / unit, weight=w),
        starts=STARTS,
        bounds=BOUNDS,
        rough=likelihood_of(x[every], z[every] / unit, weight=w[every]) if x.size > 2 * ROUGH_SIZE else None,
    )
    p, q, v = (float(value) for value in np.exp(optimum.parameters))
    is_converged, verdict = optimum.is_converged, optimum.verdict(NAMES)
    if q <= 1.0:
        is_converged, verdict = False, "Not converged: the values have no mean (q is below 1)."
    likelihood = optimum.log_likelihood - float(w.sum() * np.log(unit))
    return SpendFit(p, q, v * unit, optimum.covariance, likelihood, is_converged, verdict)


def _problem(x: FloatArray, z: FloatArray) -> str:
    if not x.size:
        return "no repeat purchase has a positive value"
    if not (np.isfinite(x) & np.isfinite(z)).all():
        return "a count or a value is missing"
    if ((x <= 0) | (z <= 0)).any():
        return "a count or a value is not positive"
    if np.ptp(z) <= 1e-9 * z.max():
        return "all customers have the same mean value"
    return ""


def likelihood_of(x: FloatArray, z: FloatArray, *, weight: FloatArray) -> Objective:
    """The log-likelihood as a function of (log p, log q, log v), with its gradient, shape (3,).

    What depends on the number of purchases alone is summed over its few distinct values.
    """
    from scipy import special

    counts, index = np.unique(x, return_inverse=True)
    customers = np.bincount(index, weights=weight)
    log_z = np.bincount(index, weights=weight * np.log(z))
    spent, log_counts = x * z, np.log(counts)

    def objective(parameters: FloatArray) -> tuple[float, FloatArray]:
        p, q, v = np.exp(parameters)
        shape, total = p * counts, spent + v
        log_total = np.bincount(index, weights=weight * np.log(total))
        over_total = np.bincount(index, weights=weight / total)
        alone = (
            special.gammaln(shape + q)
            - special.gammaln(shape)
            - special.gammaln(q)
            + q * parameters[2]
            + shape * log_counts
        )
        value = customers @ alone + (shape - 1.0) @ log_z - (shape + q) @ log_total
        both = special.digamma(shape + q)
        by_p = counts @ (customers * (both - special.digamma(shape) + log_counts) + log_z - log_total)
        by_q = customers @ (both - special.digamma(q) + parameters[2]) - log_total.sum()
        by_v = customers.sum() * q / v - (shape + q) @ over_total
        return float(value), np.array([p * by_p, q * by_q, v * by_v])

    return objective


def expected_mean_value(fit: SpendFit, *, repeat_purchases: Any, mean_value: Any) -> FloatArray:
    """Value expected of a customer's next purchase: between his own mean and that of all.

    Args:
        fit: The fit.
        repeat_purchases: Per customer; 0 for who bought once, who is expected to spend what all spend.
        mean_value: Their mean; of no matter without a repeat purchase.
    """
    x = np.asarray(repeat_purchases, dtype=np.float64)
    own = np.where(x > 0, x * np.asarray(mean_value, dtype=np.float64), 0.0)
    expected: FloatArray = fit.p * (fit.v + own) / (fit.p * x + fit.q - 1.0)
    return expected

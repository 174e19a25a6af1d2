"""Finds the maximum of a likelihood, and says whether it is one and how well determined; knows no model."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
from threadpoolctl import threadpool_limits

FloatArray = npt.NDArray[np.float64]
IntArray = npt.NDArray[np.int64]
Objective = Callable[[FloatArray], tuple[float, FloatArray]]
"""Log-parameters to the log-likelihood and its gradient with respect to the log-parameters."""

NEWTON_STEPS = 25
HESSIAN_STEP = 1e-4
SETTLED = 1e-3
"""A step this many standard errors long is none."""
EDGE = 0.05
"""Log-parameters this close to a bound stand on it."""


@dataclass(frozen=True, eq=False)
class Optimum:
    """Where the search ended.

    Args:
        parameters: Logarithms of the parameters, rounded to nine digits.
        log_likelihood: Of all cases.
        covariance: Of the log-parameters: the inverse of the observed information; None when it has none.
        at_bounds: Which parameters stand at the edge of what was searched.
        is_settled: Whether no step is left to go.
    """

    parameters: FloatArray
    log_likelihood: float
    covariance: FloatArray | None
    at_bounds: tuple[int, ...]
    is_settled: bool

    @property
    def is_converged(self) -> bool:
        """Whether this is a maximum inside of what was searched, with standard errors."""
        return self.is_settled and not self.at_bounds and self.covariance is not None

    def verdict(self, names: Sequence[str]) -> str:
        """One sentence: what became of the search."""
        if self.at_bounds:
            named = " and ".join(names[index] for index in self.at_bounds)
            return f"Not converged: {named} ran to the edge of what is searched, so the data do not determine it."
        if self.covariance is None:
            return "Not converged: the data do not determine all parameters (the information matrix has no inverse)."
        if not self.is_settled:
            return "Not converged: the search ended before the likelihood was at its maximum."
        return "Converged: the gradient is zero within standard errors and the information is positive definite."


def maximise(
    objective: Objective,
    *,
    starts: Sequence[Sequence[float]],
    bounds: Sequence[tuple[float, float]],
    rough: Objective | None = None,
) -> Optimum:
    """Search from several starts, follow the best to the top, end with Newton's steps.

    Args:
        objective: The log-likelihood of all cases.
        starts: Log-parameters to begin from.
        bounds: Lowest and highest log-parameters.
        rough: The log-likelihood of fewer cases, on which the starts compete where all of them are many.

    Returns:
        The optimum; it is for the caller to look at its verdict.
    """
    from scipy import optimize

    low, high = np.array(bounds, dtype=np.float64).T

    def climb(function: Objective, start: Any, scale: float) -> Any:
        def cost(point: FloatArray) -> tuple[float, FloatArray]:
            value, gradient = function(point)
            return -value / scale, -gradient / scale

        options = {"maxiter": 500, "ftol": 1e-12, "gtol": 1e-7}
        return optimize.minimize(cost, start, jac=True, method="L-BFGS-B", bounds=bounds, options=options)

    contest = rough or objective
    with one_thread():
        scale = max(abs(contest(np.array(starts[0]))[0]), 1.0)
        best = min((climb(contest, np.array(start), scale) for start in starts), key=lambda run: float(run.fun))
        return _newton(objective, np.clip(best.x, low, high), low=low, high=high)


def one_thread() -> threadpool_limits:
    """Linear algebra on one thread: sums shared by threads differ in the last digits, and small ones wait for them."""
    return threadpool_limits(limits=1)


def _newton(objective: Objective, point: FloatArray, *, low: FloatArray, high: FloatArray) -> Optimum:
    """Newton's steps, shortened while they lead down; the last is a thousandth of a standard error long at most."""
    value, gradient = objective(point)
    covariance, is_settled = None, False
    for _ in range(NEWTON_STEPS):
        covariance = _inverse(-_hessian(objective, point))
        if covariance is None:
            break
        step = covariance @ gradient
        is_settled = bool(gradient @ step < SETTLED**2)
        if is_settled:
            last = np.clip(point + step, low, high)
            point, value = last, objective(last)[0]
            break
        longest = float(np.abs(step).max())
        shortened = step * min(1.0, 2.0 / longest)
        moved = False
        for _ in range(12):
            trial = np.clip(point + shortened, low, high)
            trial_value, trial_gradient = objective(trial)
            if trial_value > value:
                point, value, gradient, moved = trial, trial_value, trial_gradient, True
                break
            shortened = shortened / 4
        if not moved:
            break
    at_bounds = tuple(int(index) for index in np.flatnonzero((point - low < EDGE) | (high - point < EDGE)))
    return Optimum(np.round(point, 9), value, covariance, at_bounds, is_settled)


def _hessian(objective: Objective, point: FloatArray) -> FloatArray:
    """Second derivatives by central differences of the analytic gradient."""
    rows = []
    for index in range(point.size):
        step = np.zeros(point.size)
        step[index] = HESSIAN_STEP
        rows.append((objective(point + step)[1] - objective(point - step)[1]) / (2 * HESSIAN_STEP))
    hessian = np.array(rows)
    return (hessian + hessian.T) / 2


def _inverse(information: FloatArray) -> FloatArray | None:
    if not np.isfinite(information).all():
        return None
    values, vectors = np.linalg.eigh(information)
    if values[0] <= values[-1] * 1e-12:
        return None
    inverse: FloatArray = (vectors / values) @ vectors.T
    return inverse


def spread_directions(covariance: FloatArray | None) -> FloatArray:
    """Rows that, squared and summed, give the covariance; no row where there is none.

    Each points to where its largest part grows: which way an eigenvector points is otherwise up to the library.
    """
    if covariance is None:
        return np.empty((0, 0))
    values, vectors = np.linalg.eigh(covariance)
    largest = vectors[np.abs(vectors).argmax(axis=0), np.arange(values.size)]
    rows: FloatArray = (vectors * np.sign(largest) * np.sqrt(np.maximum(values, 0.0))).T
    return rows

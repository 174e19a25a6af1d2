"""How often a customer will buy (BG/NBD, MBG/NBD): fit, probability of being a customer, expected purchases.

A customer buys at random with an own rate (gamma distributed: `r`, `alpha`) and after each purchase drops out with an
own probability (beta distributed: `a`, `b`). In BG/NBD (Fader, Hardie, Lee 2005) nobody drops out before the first
repeat purchase; in MBG/NBD (Batislam, Denizel, Filiztekin 2007) the first purchase can be the last as well. With
`chances` = the number of purchases after which the customer might have dropped out (frequency, and one more in MBG/NBD)
both are one formula. Money is in `spend.py`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any, Literal

import numpy as np

from dagster_project.prediction.value.optimum import FloatArray, IntArray, Objective, Optimum, maximise, one_thread

Model = Literal["mbg_nbd", "bg_nbd"]
NAMES = ("r", "alpha", "a", "b")
BOUNDS = ((-9.0, 7.0), (-9.0, 9.0), (-9.0, 7.0), (-9.0, 9.0))
STARTS = ((-1.0, -1.5, 0.0, 1.0), (0.0, 0.0, -1.0, 1.0), (1.0, 0.0, -2.0, 0.0), (-0.5, -2.0, 1.0, 3.0))
"""Log-parameters, where one unit of time is the mean age."""
NO_DROPOUT = 1e-4
"""A mean probability to drop out below this is none that the data show."""
ROUGH_SIZE = 20_000
"""On this many combinations the starts compete."""


@dataclass(frozen=True, eq=False)
class Histories:
    """Distinct combinations of what is known about customers, sorted by frequency, age and recency.

    Args:
        frequency: Number of periods with a repeat purchase.
        recency: From the first purchase to the last; 0 without a repeat purchase.
        age: From the first purchase to the end of what was seen, in the same unit.
        weight: How many customers have this combination.
    """

    frequency: FloatArray
    recency: FloatArray
    age: FloatArray
    weight: FloatArray

    @property
    def customer_count(self) -> int:
        """Customers behind the combinations."""
        return int(self.weight.sum())


@dataclass(frozen=True, eq=False)
class PurchaseFit:
    """Parameters in the unit of time of the histories, with what is known about them.

    Args:
        model: Which of the two.
        r: Shape of the purchase rates.
        alpha: Their scale, a time: the mean rate is r / alpha.
        a: First parameter of the drop-out probabilities.
        b: Second one: the mean is a / (a + b).
        covariance: 4 x 4 of the logarithms of (r, alpha, a, b); None where it could not be had.
        log_likelihood: Of all customers.
        is_converged: Whether the parameters may be used.
        verdict: One sentence that says why or why not.
    """

    model: Model
    r: float
    alpha: float
    a: float
    b: float
    covariance: FloatArray | None
    log_likelihood: float
    is_converged: bool
    verdict: str

    @property
    def logarithms(self) -> FloatArray:
        """Logarithms of (r, alpha, a, b)."""
        return np.log([self.r, self.alpha, self.a, self.b])

    @property
    def standard_errors(self) -> dict[str, float | None]:
        """Of r, alpha, a and b themselves (delta method)."""
        if self.covariance is None:
            return dict.fromkeys(NAMES)
        errors = np.exp(self.logarithms) * np.sqrt(np.diag(self.covariance))
        return {name: float(error) for name, error in zip(NAMES, errors, strict=True)}

    def moved(self, step: FloatArray) -> PurchaseFit:
        """The same fit with its log-parameters moved by `step`."""
        r, alpha, a, b = np.exp(self.logarithms + step)
        return replace(self, r=float(r), alpha=float(alpha), a=float(a), b=float(b))

    def to_json(self) -> dict[str, Any]:
        """Plain values, for the journal."""
        covariance = None if self.covariance is None else self.covariance.tolist()
        return {**self.__dict__, "covariance": covariance}

    @staticmethod
    def from_json(values: Mapping[str, Any]) -> PurchaseFit:
        """Undo `to_json`."""
        covariance = values["covariance"]
        return PurchaseFit(**{**values, "covariance": None if covariance is None else np.array(covariance)})


def distinct_histories(frequency: Any, recency: Any, age: Any) -> tuple[Histories, IntArray]:
    """Count each combination once.

    Args:
        frequency: Per customer, any array of numbers; the others alike.
        recency: From the first purchase to the last.
        age: From the first purchase to the end of what was seen.

    Returns:
        The combinations, and for each customer which is its own: `probability_alive(fit, histories)[index]`.
    """
    columns = [np.asarray(column, dtype=np.float64) for column in (frequency, age, recency)]
    key = np.zeros(columns[0].size, dtype=np.int64)
    levels = []
    for column in columns:
        values, codes = np.unique(column, return_inverse=True)
        levels.append(values)
        key = key * values.size + codes
    keys, index, weight = np.unique(key, return_inverse=True, return_counts=True)
    parts = []
    for values in reversed(levels):
        keys, codes = np.divmod(keys, max(values.size, 1))
        parts.append(values[codes])
    return Histories(parts[2], parts[0], parts[1], weight.astype(np.float64)), index.astype(np.int64)


def fit_purchases(histories: Histories, *, model: Model = "mbg_nbd") -> PurchaseFit:
    """Maximum likelihood; never raises for the sake of the data: see `is_converged` and `verdict`."""
    problem = _problem(histories)
    if problem:
        return PurchaseFit(model, 1.0, 1.0, 1.0, 1.0, None, 0.0, is_converged=False, verdict=f"Not fitted: {problem}.")
    unit = float(np.average(histories.age, weights=histories.weight))
    scaled = Histories(histories.frequency, histories.recency / unit, histories.age / unit, histories.weight)
    optimum = maximise(
        likelihood_of(scaled, model=model),
        starts=STARTS,
        bounds=BOUNDS,
        rough=likelihood_of(_thinned(scaled), model=model) if scaled.age.size > 2 * ROUGH_SIZE else None,
    )
    return _fit_from(optimum, histories=histories, model=model, unit=unit)


def _problem(histories: Histories) -> str:
    """Why these histories cannot be fitted; empty when they can."""
    x, t, age = histories.frequency, histories.recency, histories.age
    if not x.size or not histories.weight.sum():
        return "no customer has bought yet"
    if not (np.isfinite(x) & np.isfinite(t) & np.isfinite(age)).all():
        return "a frequency, recency or age is missing"
    if ((x < 0) | (t < 0) | (t > age) | ((x == 0) & (t > 0))).any():
        return (
            "a frequency, recency or age is impossible (negative, last purchase after the end, repeat without a time)"
        )
    if not age.any():
        return "no customer has been seen for longer than the day of the first purchase"
    if not x.any():
        return "nobody bought again"
    return ""


def _thinned(histories: Histories) -> Histories:
    """Every so many combinations: sorted as they are, each kind of history stays in its share."""
    every = slice(None, None, histories.age.size // ROUGH_SIZE)
    return Histories(
        histories.frequency[every], histories.recency[every], histories.age[every], histories.weight[every]
    )


def _fit_from(optimum: Optimum, *, histories: Histories, model: Model, unit: float) -> PurchaseFit:
    r, alpha, a, b = (float(value) for value in np.exp(optimum.parameters))
    is_converged, verdict = optimum.is_converged, optimum.verdict(NAMES)
    if a / (a + b) < NO_DROPOUT:
        is_converged, verdict = False, "Not converged: no drop-out is visible in these histories."
    purchases = float(histories.weight @ histories.frequency)
    return PurchaseFit(
        model=model,
        r=r,
        alpha=alpha * unit,
        a=a,
        b=b,
        covariance=optimum.covariance,
        log_likelihood=optimum.log_likelihood - purchases * float(np.log(unit)),
        is_converged=is_converged,
        verdict=verdict,
    )


def log_likelihood(parameters: Any, histories: Histories, *, model: Model) -> tuple[float, FloatArray]:
    """Log-likelihood of all customers at log-parameters (log r, log alpha, log a, log b).

    Returns:
        The value and its gradient with respect to the log-parameters, shape (4,).
    """
    return likelihood_of(histories, model=model)(np.asarray(parameters, dtype=np.float64))


def likelihood_of(histories: Histories, *, model: Model) -> Objective:
    """Prepare the sums that do not depend on parameters, and give the log-likelihood as a function of log-parameters.

    What depends on frequency or age alone is summed over their few distinct values; per combination there remains one
    exponential. Only customers that might have dropped out have that second way for their history to come about.
    """
    from scipy import special

    first_chances = 1.0 if model == "mbg_nbd" else 0.0
    weight = histories.weight
    x, x_index = np.unique(histories.frequency, return_inverse=True)
    age, age_index = np.unique(histories.age, return_inverse=True)
    x_weight = np.bincount(x_index, weights=weight)
    age_weight = np.bincount(age_index, weights=weight)
    age_purchases = np.bincount(age_index, weights=weight * histories.frequency)
    chances = x + first_chances
    could_drop = np.flatnonzero(chances[x_index] > 0)
    w, x_of, age_of = weight[could_drop], x_index[could_drop].astype(np.int32), age_index[could_drop].astype(np.int32)
    recency, recency_of = np.unique(histories.recency[could_drop], return_inverse=True)
    recency_of = recency_of.astype(np.int32)
    total = float(weight.sum())

    def objective(parameters: FloatArray) -> tuple[float, FloatArray]:
        r, alpha, a, b = np.exp(parameters)
        until_end, until_last = np.log(alpha + age), np.log(alpha + recency)
        rest = np.maximum(b + chances - 1.0, 1e-300)
        gap = until_end[age_of] - until_last[recency_of]
        odds = (np.log(a) - np.log(rest))[x_of]
        odds += (r + x)[x_of] * gap
        small = np.exp(-np.abs(odds))
        dead = np.where(odds > 0, 1.0, small) / (1.0 + small)
        value = (
            x_weight @ (special.gammaln(r + x) + special.betaln(a, b + chances))
            + total * (r * parameters[1] - special.gammaln(r) - special.betaln(a, b))
            - (r * age_weight + age_purchases) @ until_end
            + w @ (np.maximum(odds, 0.0) + np.log1p(small))
        )
        dead *= w
        x_dead = np.bincount(x_of, weights=dead, minlength=x.size)
        gap *= dead
        x_gap = np.bincount(x_of, weights=gap, minlength=x.size)
        dead *= (r + x)[x_of]
        age_dead = np.bincount(age_of, weights=dead, minlength=age.size)
        recency_dead = np.bincount(recency_of, weights=dead, minlength=recency.size)
        both = x_weight @ special.digamma(a + b + chances) - total * special.digamma(a + b)
        gradient = np.array(
            [
                x_weight @ special.digamma(r + x)
                + total * (parameters[1] - special.digamma(r))
                - age_weight @ until_end
                + x_gap.sum(),
                total * r / alpha
                - (r * age_weight + age_purchases - age_dead) @ (1.0 / (alpha + age))
                - recency_dead @ (1.0 / (alpha + recency)),
                -both + x_dead.sum() / a,
                x_weight @ special.digamma(b + chances) - total * special.digamma(b) - both - x_dead @ (1.0 / rest),
            ]
        )
        return float(value), gradient * np.array([r, alpha, a, b])

    return objective


def chances_to_drop(fit: PurchaseFit, frequency: FloatArray) -> FloatArray:
    """After how many purchases the customer might have dropped out."""
    return frequency + 1.0 if fit.model == "mbg_nbd" else frequency


def probability_alive(fit: PurchaseFit, histories: Histories) -> FloatArray:
    """Probability that the customer has not dropped out by the end of what was seen.

    Returns:
        One value per combination; 1 without a repeat purchase in BG/NBD.
    """
    from scipy import special

    chances = chances_to_drop(fit, histories.frequency)
    gap = np.log(fit.alpha + histories.age) - np.log(fit.alpha + histories.recency)
    rest = np.maximum(fit.b + chances - 1.0, 1e-300)
    odds = np.log(fit.a) - np.log(rest) + (fit.r + histories.frequency) * gap
    alive: FloatArray = np.where(chances > 0, special.expit(-odds), 1.0)
    return alive


def expected_purchases(fit: PurchaseFit, histories: Histories, *, horizon: float) -> FloatArray:
    """Purchases expected within `horizon` after the end of what was seen, given the history.

    Returns:
        One value per combination.
    """
    return discounted_purchases(fit, histories, ends=[horizon], discount_factors=[1.0])


def expected_purchases_by_period(fit: PurchaseFit, histories: Histories, *, ends: Any) -> FloatArray:
    """Purchases expected in each of consecutive periods after the end of what was seen.

    Args:
        fit: The fit.
        histories: Combinations.
        ends: Increasing ends of the periods, counted from the end of what was seen.

    Returns:
        A matrix, combinations x periods.
    """
    pairs, index = _pairs(histories)
    by_pair = _purchases_of_the_living(fit, *pairs, factors=np.eye(len(ends)), ends=np.asarray(ends, dtype=np.float64))
    matrix: FloatArray = by_pair[index] * probability_alive(fit, histories)[:, None]
    return matrix


def discounted_purchases(fit: PurchaseFit, histories: Histories, *, ends: Any, discount_factors: Any) -> FloatArray:
    """The purchases of consecutive periods, each times the factor of its period, summed.

    Returns:
        One value per combination; the same as `expected_purchases_by_period(...) @ discount_factors`, in less memory.
    """
    pairs, index = _pairs(histories)
    factors = np.asarray(discount_factors, dtype=np.float64)[:, None]
    by_pair = _purchases_of_the_living(fit, *pairs, factors=factors, ends=np.asarray(ends, dtype=np.float64))
    values: FloatArray = by_pair[index, 0] * probability_alive(fit, histories)
    return values


def expected_purchases_of_newcomer(fit: PurchaseFit, *, horizon: Any) -> FloatArray:
    """Repeat purchases expected within `horizon` after the first purchase, of somebody of whom nothing else is known.

    Args:
        fit: The fit.
        horizon: A number or an array.

    Returns:
        One value per horizon: the unconditional curve E[X(t)].
    """
    ends, index = np.unique(np.asarray(horizon, dtype=np.float64).ravel(), return_inverse=True)
    start = np.zeros(1)
    survivors = fit.b / (fit.a + fit.b) if fit.model == "mbg_nbd" else 1.0
    factors = np.triu(np.ones((ends.size, ends.size)))
    curve: FloatArray = survivors * _purchases_of_the_living(fit, start, start, factors=factors, ends=ends)[0]
    return curve[index].reshape(np.shape(horizon))


def _pairs(histories: Histories) -> tuple[tuple[FloatArray, FloatArray], IntArray]:
    """Distinct frequencies and ages: for those who still are customers the last purchase's time does not matter."""
    is_new = np.ones(histories.age.size, dtype=np.bool_)
    is_new[1:] = (np.diff(histories.frequency) != 0) | (np.diff(histories.age) != 0)
    index: IntArray = np.cumsum(is_new) - 1
    return (histories.frequency[is_new], histories.age[is_new]), index


def _purchases_of_the_living(
    fit: PurchaseFit, frequency: FloatArray, age: FloatArray, *, factors: FloatArray, ends: FloatArray
) -> FloatArray:
    """Purchases that somebody makes who is a customer at the end of what was seen, by period, times `factors`.

    With rate l and drop-out probability p it is E[(1 - exp(-l p t)) / p]. Over the rate that is
    (1 - (1 + p t / (alpha + T)) ^ -(r + x)) / p, and over the probability the expectation of a smooth function of a
    beta variable: Gauss-Jacobi quadrature. The published closed form with its hypergeometric function cancels where a
    is near 1 and overflows for long horizons; this does neither.

    Returns:
        A matrix, (frequency, age) x columns of `factors`.
    """
    chances, index = np.unique(chances_to_drop(fit, frequency), return_inverse=True)
    result = np.empty((frequency.size, factors.shape[1]))
    steps = factors - np.vstack([factors[1:], np.zeros(factors.shape[1])])
    reach = float(ends[-1]) / (fit.alpha + age)
    count = _node_count(fit.r + frequency, reach)
    for nodes in np.unique(count):
        points, weights = beta_quadrature(fit.a, fit.b + chances, count=int(nodes))
        rows = np.flatnonzero(count == nodes)
        size = max(1, 400_000 // int(nodes))
        for begin in range(0, rows.size, size):
            part = rows[begin : begin + size]
            p, weight = points[index[part]], weights[index[part]]
            shape = -(fit.r + frequency[part])[:, None]
            scaled = p / (fit.alpha + age[part])[:, None]
            weight = weight / p
            block = np.zeros((part.size, factors.shape[1]))
            for end, step in zip(ends, steps, strict=True):
                bought = -(weight * np.expm1(shape * np.log1p(scaled * end))).sum(axis=1)
                block += bought[:, None] * step
            result[part] = block
    return result


def _node_count(shape: FloatArray, reach: FloatArray) -> IntArray:
    """How many nodes the quadrature needs: more where the horizon is long against the past, or purchases many."""
    need = np.maximum(24 + 10 * np.sqrt(reach), 8 * np.sqrt(shape * reach))
    sizes = np.array([32, 64, 128, 256, 512])
    counts: IntArray = sizes[np.minimum(np.searchsorted(sizes, need), sizes.size - 1)]
    return counts


def beta_quadrature(a: float, b: FloatArray, *, count: int) -> tuple[FloatArray, FloatArray]:
    """Nodes and weights for expectations over beta distributions (Golub and Welsch 1969).

    Args:
        a: First parameter.
        b: Second parameters, shape (m,).
        count: Number of nodes.

    Returns:
        Nodes within (0, 1) and weights that sum to 1, each of shape (m, count).
    """
    first, second = a - 1.0, b[:, None] - 1.0
    k = np.arange(1, count, dtype=np.float64)
    both = first + second
    middle = 2 * k + both
    diagonal = np.empty((b.size, count))
    diagonal[:, :1] = (first - second) / (both + 2)
    diagonal[:, 1:] = (first**2 - second**2) / (middle * (middle + 2))
    squared = 4 * k * (k + first) * (k + second) / (middle**2 * (middle + 1))
    squared[:, 1:] *= (k[1:] + both) / (middle[:, 1:] - 1)
    matrix = np.zeros((b.size, count, count))
    at = np.arange(count)
    matrix[:, at, at] = diagonal
    matrix[:, at[1:], at[:-1]] = np.sqrt(squared)
    with one_thread():
        values, vectors = np.linalg.eigh(matrix)
    points: FloatArray = np.maximum((1 + values) / 2, 1e-300)
    weights: FloatArray = vectors[:, 0, :] ** 2
    return points, weights

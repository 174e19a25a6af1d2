"""How one monthly series goes on, by exponential smoothing or naively; nothing of which of them is believed."""

from __future__ import annotations

import math
import warnings
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]
Indices = npt.NDArray[np.int64]

YEAR = 12
SHORTEST = 3
"""Months below which nothing is said about a series."""

FEWEST_FOR_SMOOTHING = 13
"""Months below which smoothing is not fitted: a year and one more."""

REMEMBERED = 24
"""Latest errors that errors to come are drawn from: those of a company's first year are not those of today."""

AVERAGED = 6
"""Months whose average is the naive forecast of revenue that does not come by contract."""

TRENDS = (False, True)
_ONE_IN_TWENTY = 1.645
_WILD = 5.0
"""A forecast of more than this many times the greatest month of the series is not believed."""


@dataclass(frozen=True)
class Paths:
    """What is expected, and ways it may come instead.

    Args:
        expected: One figure per month ahead.
        ways: Month ahead x way.
    """

    expected: Floats
    ways: Floats

    def bounds(self, coverage: float) -> tuple[Floats, Floats]:
        """Bounds between which the given share of the ways lies, with the expected figure never outside.

        Args:
            coverage: Between 0 and 1.
        """
        low, high = np.quantile(self.ways, [(1 - coverage) / 2, (1 + coverage) / 2], axis=1)
        return np.minimum(low, self.expected), np.maximum(high, self.expected)


def shared_draws(*, horizon: int, ways: int) -> Indices:
    """Which past month's errors each way meets at each month ahead: the same for all series, so that they err together.

    Args:
        horizon: Months ahead.
        ways: How many.
    """
    return np.random.default_rng(20_040_229).integers(0, REMEMBERED, size=(horizon, ways))


def fit_smoothing(values: Floats) -> dict[str, Any]:
    """Choose and fit an additive exponential smoothing: level or damped trend, of the figures or of their logarithms.

    The least corrected Akaike criterion wins (Hyndman et al., Forecasting with Exponential Smoothing, 2008, ch. 7),
    with initial states counted as parameters and logarithms by their density in money. A season is tried from two
    years on, where what the best model without one leaves repeats itself after a year more than chance does.

    Args:
        values: Complete months, oldest first.

    Returns:
        What `smoothed` needs, or a `failure` in words.
    """
    if len(values) < FEWEST_FOR_SMOOTHING:
        return {"failure": f"{len(values)} complete months, {FEWEST_FOR_SMOOTHING} are needed"}
    if float(np.ptp(values)) == 0:
        return {"failure": "all months are the same"}
    scales = (False, True) if bool((values > 0).all()) else (False,)
    found = _best(_fitted(values, is_log=is_log, trend=trend, season=False) for is_log in scales for trend in TRENDS)
    if found is None:
        return {"failure": "the search for its parameters did not converge"}
    if len(values) < 2 * YEAR or not _repeats_yearly(np.asarray(smoothed(values, found).resid, dtype=float)):
        return found
    seasons = [_fitted(values, is_log=is_log, trend=trend, season=True) for is_log in scales for trend in TRENDS]
    return _best([found, *seasons]) or found


def smoothed(values: Floats, parameters: Mapping[str, Any]) -> Any:
    """The states that kept parameters give on a series (statsmodels' results).

    Args:
        values: Complete months, oldest first.
        parameters: From `fit_smoothing`.
    """
    scaled = np.log(values) if parameters["is_log"] else values
    with _quiet():
        model = _model(scaled, trend=parameters["trend"], season=parameters["season"])
        return model.smooth(np.array(parameters["values"]))


def smoothing_paths(values: Floats, parameters: Mapping[str, Any], draws: Indices) -> Paths | None:
    """Forecast by exponential smoothing; None when it runs wild.

    Args:
        values: Complete months, oldest first.
        parameters: From `fit_smoothing`.
        draws: From `shared_draws`; its first axis is the horizon.
    """
    states = smoothed(values, parameters)
    errors = np.asarray(states.resid, dtype=float)
    lost = len(errors) / max(len(errors) - _learned(parameters), 1)
    latest = errors[-REMEMBERED:]
    latest = (latest - latest.mean()) * math.sqrt(lost)
    with _quiet():
        ways = np.asarray(
            states.simulate(
                len(draws), anchor="end", repetitions=draws.shape[1], random_errors=latest[draws % len(latest)]
            )
        ).reshape(draws.shape)
    if parameters["is_log"]:
        ways = np.exp(np.minimum(ways, 700.0))
    elif bool((values >= 0).all()):
        ways = np.maximum(ways, 0.0)
    expected = ways.mean(axis=1)
    is_tame = bool(np.isfinite(expected).all()) and float(np.abs(expected).max()) <= _WILD * float(np.abs(values).max())
    return Paths(expected, ways) if is_tame else None


def naive_level(values: Floats, *, averaged: int) -> float:
    """The naive rule: the average of the last months.

    Args:
        values: Complete months, oldest first.
        averaged: How many months; 1 lets the last one go on.
    """
    return float(values[-averaged:].mean())


def naive_paths(values: Floats, draws: Indices, *, averaged: int) -> Paths:
    """Forecast by the naive rule, with the errors it made so many months ahead in the past.

    Args:
        values: Complete months, oldest first; at least `SHORTEST`.
        draws: From `shared_draws`.
        averaged: How many months.
    """
    level = naive_level(values, averaged=averaged)
    ways = np.full(draws.shape, level)
    for ahead, drawn in enumerate(draws, start=1):
        errors = _naive_errors(values, ahead=min(ahead, len(values) - SHORTEST), averaged=averaged)
        if len(errors):
            ways[ahead - 1] += errors[drawn % len(errors)]
    if bool((values >= 0).all()):
        ways = np.maximum(ways, 0.0)
    return Paths(np.full(len(draws), level), ways)


def naive_scale(values: Floats) -> float | None:
    """Average change from month to month: what MASE divides by (Hyndman and Koehler 2006); None where nothing changes.

    Args:
        values: Complete months, oldest first.
    """
    scale = float(np.abs(np.diff(values)).mean()) if len(values) > 1 else 0.0
    return scale or None


def _naive_errors(values: Floats, *, ahead: int, averaged: int) -> Floats:
    if ahead < 1:
        return np.zeros(0)
    sums = np.concatenate([[0.0], np.cumsum(values)])
    ends = np.arange(min(SHORTEST, averaged), len(values) - ahead + 1)
    starts = np.maximum(ends - averaged, 0)
    said = (sums[ends] - sums[starts]) / (ends - starts)
    errors: Floats = (values[ends + ahead - 1] - said)[-REMEMBERED:]
    return errors


def _best(fits: Iterable[dict[str, Any] | None]) -> dict[str, Any] | None:
    return min((fit for fit in fits if fit is not None), key=lambda fit: float(fit["aicc"]), default=None)


def _repeats_yearly(errors: Floats) -> bool:
    """Whether the autocorrelation after a year is more than chance: without any, its spread is √(n - 12) ÷ n."""
    left = errors - errors.mean()
    alike = float(left[YEAR:] @ left[:-YEAR]) / max(float(left @ left), 1e-300)
    return alike > _ONE_IN_TWENTY * math.sqrt(len(left) - YEAR) / len(left)


def _fitted(values: Floats, *, is_log: bool, trend: bool, season: bool) -> dict[str, Any] | None:
    scaled = np.log(values) if is_log else values
    try:
        with _quiet():
            found = _model(scaled, trend=trend, season=season).fit(disp=False, maxiter=500)
    except (ValueError, np.linalg.LinAlgError, FloatingPointError):
        return None
    parameters = np.asarray(found.params, dtype=float)
    likelihood = float(found.llf) - (float(scaled.sum()) if is_log else 0.0)
    found_values = {"values": parameters, "trend": trend, "season": season}
    count = _learned(found_values) + 1
    spare = len(values) - count - 1
    if (
        not (found.mle_retvals["converged"] and np.isfinite(parameters).all() and math.isfinite(likelihood))
        or spare < 1
    ):
        return None
    return {
        "is_log": is_log,
        "trend": trend,
        "season": season,
        "values": [round(float(value), 9) for value in parameters],
        "aicc": round(2 * count - 2 * likelihood + 2 * count * (count + 1) / spare, 6),
    }


def _learned(parameters: Mapping[str, Any]) -> int:
    """Figures learned from a series: how fast it is smoothed, and the states it began with."""
    return len(parameters["values"]) + 1 + int(parameters["trend"]) + (YEAR - 1) * int(parameters["season"])


def _model(scaled: Floats, *, trend: bool, season: bool) -> Any:
    from statsmodels.tsa.exponential_smoothing.ets import ETSModel

    return ETSModel(
        scaled,
        error="add",
        trend="add" if trend else None,
        damped_trend=trend,
        seasonal="add" if season else None,
        seasonal_periods=YEAR if season else None,
        initialization_method="heuristic",
    )


@contextmanager
def _quiet() -> Iterator[None]:
    """What statsmodels and NumPy warn of is judged by the result, not read on the console."""
    with warnings.catch_warnings(), np.errstate(all="ignore"):
        warnings.simplefilter("ignore")
        yield

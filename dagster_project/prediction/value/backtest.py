"""How good predicted values were on months that the models had not seen, beside the baseline's; and the verdict."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import date

import numpy as np
import polars as pl

from dagster_project.prediction.family import Score
from dagster_project.prediction.value.fitting import TOTAL
from dagster_project.prediction.value.optimum import FloatArray

_DECIDING = "mae"
"""Worse than the baseline in this measure, and the baseline is published."""


def scores_of(holdout: pl.DataFrame, *, model: str, learned_through: date, watched_until: date) -> tuple[Score, ...]:
    """All measures for `total` and each member that has a model's predictions.

    Args:
        holdout: One row per customer: member, predicted_amount, baseline_amount, actual_amount, interval, purchases.
        model: Name for the scorecard.
        learned_through: Last day the models saw.
        watched_until: Last day of what they are held against.
    """
    comparable = holdout.filter(pl.col("predicted_amount").is_not_null())
    groups = {TOTAL: comparable, **{str(key[0]): part for key, part in comparable.group_by("member")}}
    scores = []
    for member, part in sorted(groups.items()):
        for measure, (value, baseline) in _measures(part).items():
            scores.append(
                Score(
                    model=model,
                    member=member,
                    measure=measure,
                    value=value,
                    baseline=baseline,
                    is_better=_is_better(measure, value=value, baseline=baseline),
                    learned_through=learned_through,
                    watched_until=watched_until,
                    case_count=part.height,
                )
            )
    return tuple(scores)


def loses(scores: tuple[Score, ...], *, member: str) -> Score | None:
    """The deciding figure of a member whose model is worse than the baseline; None when it is not."""
    for score in scores:
        if score.member == member and score.measure == _DECIDING and score.is_better is False:
            return score
    return None


def _measures(part: pl.DataFrame) -> Mapping[str, tuple[float | None, float | None]]:
    if part.is_empty():
        return {}
    actual, model, baseline, lower, upper = (
        part[name].cast(pl.Float64).to_numpy()
        for name in ("actual_amount", "predicted_amount", "baseline_amount", "lower_amount", "upper_amount")
    )
    inside = float(((lower <= actual) & (actual <= upper)).mean())
    buyers = part.filter(pl.col("expected_purchases").is_not_null())
    bought = float(buyers["actual_purchases"].sum() or 0)
    both = (model, baseline)
    return {
        "bias": _pair(both, lambda predicted: float((predicted - actual).mean())),
        "mae": _pair(both, lambda predicted: float(np.abs(predicted - actual).mean())),
        "rmse": _pair(both, lambda predicted: float(np.sqrt(((predicted - actual) ** 2).mean()))),
        "top_decile_capture": _pair(both, lambda predicted: _capture(predicted, actual)),
        "calibration_error": _pair(both, lambda predicted: _calibration_error(predicted, actual)),
        "coverage": (inside, None),
        "purchases_ratio": (float(buyers["expected_purchases"].sum()) / bought if bought else None, None),
    }


def _pair(
    predictions: tuple[FloatArray, FloatArray], measure: Callable[[FloatArray], float | None]
) -> tuple[float | None, float | None]:
    return measure(predictions[0]), measure(predictions[1])


def _capture(predicted: FloatArray, actual: FloatArray) -> float | None:
    """Share of what came in by the tenth with the highest predictions; equal predictions share their place."""
    total = actual.sum()
    if total <= 0:
        return None
    room = max(predicted.size / 10.0, 1.0)
    _, index, counts = np.unique(-predicted, return_inverse=True, return_counts=True)
    before = np.cumsum(counts) - counts
    taken = np.clip((room - before) / counts, 0.0, 1.0)
    return float((actual * taken[index]).sum() / total)


def deciles(predicted: FloatArray) -> FloatArray:
    """1 to 10 by ceil(cume_dist x 10), equal predictions in the same."""
    _, index, counts = np.unique(predicted, return_inverse=True, return_counts=True)
    result: FloatArray = np.ceil(np.cumsum(counts) * 10 / predicted.size)[index]
    return result


def _calibration_error(predicted: FloatArray, actual: FloatArray) -> float:
    """Mean over customers of how far the means of their decile lie apart."""
    decile = deciles(predicted).astype(np.int64)
    return float(np.abs(np.bincount(decile, weights=predicted - actual)).sum() / predicted.size)


def _is_better(measure: str, *, value: float | None, baseline: float | None) -> bool | None:
    """A draw is no loss: the model says more."""
    if value is None or baseline is None:
        return None
    if measure == "top_decile_capture":
        return value >= baseline
    return abs(value) <= abs(baseline)

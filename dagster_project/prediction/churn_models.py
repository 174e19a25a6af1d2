"""Fits and measures a model of churn and the rule it has to beat, on arrays; what they see is in `churn_features`."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import polars as pl

Floats = npt.NDArray[np.float64]
Flags = npt.NDArray[np.bool_]

_INVERSE_PENALTY = 0.1
"""Ridge on standardised columns; ten times more or less moves the AUC of the demo company by less than 0.005."""
_PRIOR_CASES = 10.0
"""Cases at the overall loss rate that each cell of the rule is given, so that a thin one says little."""
_CELLS = 24
_SMALLEST_SPREAD = 1e-9
_DIGITS = 9


def fit_classifier(design: Floats, *, is_lost: Flags, is_later: Flags) -> dict[str, Any]:
    """Logistic regression on earlier snapshots, its probabilities set right on a later one (Platt 1999).

    Args:
        design: One row per case, one column per feature.
        is_lost: The outcome.
        is_later: Cases of the later snapshot.

    Returns:
        Centre, scale, weight per column, intercept; slope and shift of the log-odds.
    """
    from sklearn.linear_model import LogisticRegression

    early = design[~is_later]
    centre = early.mean(axis=0)
    spread = early.std(axis=0)
    scale = np.where(spread > _SMALLEST_SPREAD, spread, 1.0)
    model = LogisticRegression(C=_INVERSE_PENALTY, max_iter=1000, random_state=0)
    model.fit((early - centre) / scale, is_lost[~is_later])
    parameters: dict[str, Any] = {
        "centre": centre.round(_DIGITS).tolist(),
        "scale": scale.round(_DIGITS).tolist(),
        "weights": model.coef_[0].round(6).tolist(),
        "intercept": round(float(model.intercept_[0]), 6),
        "slope": 1.0,
        "shift": 0.0,
    }
    later = is_lost[is_later]
    if later.any() and not later.all():
        calibration = LogisticRegression(C=1e6, max_iter=1000, random_state=0)
        calibration.fit(log_odds(parameters, design[is_later])[:, None], later)
        slope = float(calibration.coef_[0, 0])
        if slope > 0:
            parameters |= {"slope": round(slope, 6), "shift": round(float(calibration.intercept_[0]), 6)}
    return parameters


def contributions(parameters: Mapping[str, Any], design: Floats) -> Floats:
    """What each column adds to the calibrated log-odds, against the average customer that the model has seen."""
    standardised = (design - np.asarray(parameters["centre"])) / np.asarray(parameters["scale"])
    added: Floats = standardised * np.asarray(parameters["weights"]) * parameters["slope"]
    return added


def log_odds(parameters: Mapping[str, Any], design: Floats) -> Floats:
    """Calibrated log-odds of a loss."""
    base = parameters["intercept"] * parameters["slope"] + parameters["shift"]
    odds: Floats = contributions(parameters, design).sum(axis=1) + base
    return odds


def probabilities(parameters: Mapping[str, Any], design: Floats) -> Floats:
    """Calibrated probability of a loss."""
    chance: Floats = (1 / (1 + np.exp(-np.clip(log_odds(parameters, design), -30, 30)))).round(_DIGITS)
    return chance


def rule_cells(cases: pl.DataFrame, *, overdue_factor: float, min_orders: int) -> npt.NDArray[np.int64]:
    """What the inactivity rule can tell apart.

    Args:
        cases: Rows of `pred_churn_features`.
        overdue_factor: Times the usual gap after which somebody is late.
        min_orders: Purchases needed before somebody has a usual gap.

    Returns:
        Per case one of 24 numbers: months of silence (0 to 5), no rhythm, in time, late, or contract ending or not.
    """
    late = (
        pl.when(pl.col("customer_type") == "contract")
        .then(3)
        .when((pl.col("purchase_day_count") < min_orders) | pl.col("overdue_ratio").is_null())
        .then(0)
        .when(pl.col("overdue_ratio") >= overdue_factor)
        .then(2)
        .otherwise(1)
    )
    months = (
        pl.when(pl.col("customer_type") == "contract")
        .then(pl.col("days_to_contract_end").is_not_null().cast(pl.Int64))
        .otherwise((pl.col("days_since_last_order").fill_null(0) // 30).clip(0, 5))
    )
    return cases.select(cell=late.cast(pl.Int64) * 6 + months).to_series().to_numpy().astype(np.int64)


def fit_rule(cells: npt.NDArray[np.int64], *, is_lost: Flags) -> list[float | None]:
    """Share of losses per cell, drawn to the share of all; None everywhere where nothing was seen."""
    if not len(cells):
        return [None] * _CELLS
    counts = np.bincount(cells, minlength=_CELLS)
    losses = np.bincount(cells, weights=is_lost, minlength=_CELLS)
    rates = (losses + _PRIOR_CASES * is_lost.mean()) / (counts + _PRIOR_CASES)
    return [float(rate) for rate in rates.round(_DIGITS)]


@dataclass(frozen=True)
class Quality:
    """How good probabilities are: area under the ROC curve, lift of the riskiest tenth, Brier score."""

    auc: float
    lift: float
    brier: float


def measure(chance: Floats, *, is_lost: Flags) -> Quality:
    """Hold probabilities against outcomes, of which both kinds must occur; ties share alike."""
    from sklearn.metrics import brier_score_loss, roc_auc_score

    return Quality(
        auc=float(roc_auc_score(is_lost, chance)),
        lift=_lift(chance, is_lost=is_lost),
        brier=float(brier_score_loss(is_lost, chance)),
    )


def _lift(chance: Floats, *, is_lost: Flags) -> float:
    size = max(1, len(chance) // 10)
    threshold = np.sort(chance)[-size]
    above, tied = chance > threshold, chance == threshold
    hits = is_lost[above].sum() + (size - above.sum()) * is_lost[tied].mean()
    return float(hits / size / is_lost.mean())


def calibration(chance: Floats, *, is_lost: Flags) -> pl.DataFrame:
    """Expected and observed share of losses by tenth of the risk, the riskiest first; equal risks stay together."""
    if not len(chance):
        return pl.DataFrame(schema=_CALIBRATION)
    frame = pl.DataFrame({"chance": chance, "is_lost": is_lost})
    tenth = ((pl.col("chance").rank("max", descending=True) / pl.len()) * 10).ceil().cast(pl.Int64)
    return (
        frame.with_columns(decile=tenth)
        .sort("decile", "chance", "is_lost")
        .group_by("decile", maintain_order=True)
        .agg(
            case_count=pl.len().cast(pl.Int64),
            expected_rate=pl.col("chance").mean().round(6),
            observed_rate=pl.col("is_lost").cast(pl.Float64).mean().round(6),
        )
    )


_CALIBRATION = {"decile": pl.Int64, "case_count": pl.Int64, "expected_rate": pl.Float64, "observed_rate": pl.Float64}

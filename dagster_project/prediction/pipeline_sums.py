"""What a pipeline brings by month: sums over deals with intervals, from chances by deal and month. No model here."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, timedelta
from typing import Any

import numpy as np
import polars as pl

from dagster_project.prediction.stage_hazards import Floats, Ints

MONTHS_AHEAD = 12
"""Months after the current one that are forecast."""
INTERVAL = 0.95
"""Chance with which an interval should hold what comes."""
_DRAW_COUNT = 1000
_SEED = 4


def forecast_months(day: date) -> list[date]:
    """First days of the month of a day and of the months after it."""
    return [
        date(day.year + (day.month - 1 + ahead) // 12, (day.month - 1 + ahead) % 12 + 1, 1)
        for ahead in range(MONTHS_AHEAD + 1)
    ]


def days_to_month_ends(day: date, months: Sequence[date]) -> Ints:
    """Days from a day to the last day of each month."""
    ends = [(month.replace(day=28) + timedelta(days=4)).replace(day=1) - timedelta(days=1) for month in months]
    return np.array([(end - day).days for end in ends], dtype=np.int64)


def monthly_chances(curves: Floats, *, ends: Ints) -> Floats:
    """Chance to be won in each month, (deals, months), from the chance to be won within 0, 1, … days, (days, deals)."""
    by_end = curves[ends]
    return np.asarray(np.diff(by_end, axis=0, prepend=0.0).T)


def chances_in_month(probability: Floats, *, month: Sequence[date | None], months: Sequence[date]) -> Floats:
    """The whole chance in the month that the seller names, or in the first when that has passed; (deals, months)."""
    first, numbers = months[0], {value: number for number, value in enumerate(months)}
    at = [numbers.get(max(value, first), -1) if value else -1 for value in month]
    return np.where(np.array(at, dtype=np.int64)[:, None] == np.arange(len(months)), probability[:, None], 0.0)


def sum_by_month(
    deals: pl.DataFrame, *, months: Sequence[date], chances: Floats, scales: Floats, baseline: Floats
) -> pl.DataFrame:
    """Expected amount and number of won deals by month, in total and by segment and team.

    The interval holds the middle 95 % of sums in which each deal is won in one month or not at all (variance of a
    single deal: amount² x p x (1 - p)) with chances as uncertain as the model's parameters are; it is widened to hold
    the expected amount, which a few big deals of little chance may lift above nearly all sums.

    Args:
        deals: `customer_segment`, `team`, `amount` (null: adds to numbers only), one row per deal.
        months: First days.
        chances: (deals, months).
        scales: Factors on a deal's chances by draw of the parameters, (draws, deals).
        baseline: Chances by the baseline, (deals, months).

    Returns:
        One row per month, dimension and member, sorted.
    """
    groups, labels = _groups(deals)
    amount = deals["amount"].cast(pl.Float64).fill_null(0.0).to_numpy()
    one = np.ones_like(amount)
    low, high = _intervals(groups, amount=amount, chances=chances, scales=scales)
    expected = groups @ (chances * amount[:, None])
    sums = {
        "expected_amount": expected,
        "lower_amount": np.minimum(low, expected),
        "upper_amount": np.maximum(high, expected),
        "expected_count": groups @ (chances * one[:, None]),
        "baseline_amount": groups @ (baseline * amount[:, None]),
        "baseline_count": groups @ (baseline * one[:, None]),
    }
    size = len(months)
    return pl.DataFrame(
        {
            "month": list(months) * len(labels),
            "dimension": np.repeat([dimension for dimension, _ in labels], size),
            "member": np.repeat([member for _, member in labels], size),
            **{name: _rounded(value, digits=2 if name.endswith("amount") else 9) for name, value in sums.items()},
            "open_count": np.repeat(groups.sum(axis=1).astype(np.int64), size),
            "unknown_amount_count": np.repeat((groups @ deals["amount"].is_null().to_numpy()).astype(np.int64), size),
        },
        schema_overrides={"month": pl.Date, "dimension": pl.String, "member": pl.String},
    ).sort("dimension", "member", "month")


def _groups(deals: pl.DataFrame) -> tuple[Floats, list[tuple[str, str]]]:
    """Which deals belong to which member, (members, deals), and the members; `total` is always one."""
    labels, rows = [("total", "total")], [np.ones(deals.height)]
    for dimension in ("customer_segment", "team"):
        for member in sorted(set(deals[dimension])):
            labels.append((dimension, member))
            rows.append((deals[dimension] == member).cast(pl.Float64).to_numpy())
    return np.vstack(rows), labels


def _intervals(groups: Floats, *, amount: Floats, chances: Floats, scales: Floats) -> tuple[Floats, Floats]:
    """Bounds by member and month: every deal falls into one month or none, once per draw."""
    random = np.random.default_rng(_SEED)
    deals, size = chances.shape
    row = np.arange(deals)
    by_end = (chances.cumsum(axis=1) + 2 * row[:, None]).reshape(-1)  # one ascending line, deal after deal
    sums = np.zeros((_DRAW_COUNT, groups.shape[0], size))
    for draw in range(_DRAW_COUNT):
        chance = random.random(deals) / np.maximum(scales[draw % scales.shape[0]], 1e-9)
        month = np.searchsorted(by_end, 2 * row + np.minimum(chance, 1.5), side="right") - row * size
        won = np.flatnonzero(month < size)
        brought = np.zeros((won.size, size))
        brought[np.arange(won.size), month[won]] = amount[won]
        sums[draw] = groups[:, won] @ brought
    tail = (1 - INTERVAL) / 2
    low, high = np.quantile(sums, [tail, 1 - tail], axis=0)
    return low, high


def _rounded(values: Floats, *, digits: int) -> Any:
    return values.reshape(-1).round(digits) + 0.0

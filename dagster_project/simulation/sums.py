"""What is true of several branches, added up to what is true of the company; not how each figure is found."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from dagster_project.simulation.figures import DIGITS, Figure

Records = list[dict[str, Any]]
COUNTS = (
    "loyalty_members_at_end",
    "loyalty_points_outstanding",
    "loyalty_reward_amount",
    "loyalty_extra_orders",
    "social_followers_at_end",
)
CENT_DIGITS = 2


def added_figures(branches: Sequence[Sequence[Figure]]) -> list[Figure]:
    """Figures of all branches, each in its place: counts are added, shares and means weighted by their samples."""
    return [_added(same) for same in zip(*branches, strict=True)]


def _added(same: tuple[Figure, ...]) -> Figure:
    if len(same) == 1:
        return same[0]
    first, size = same[0], sum(figure.sample_size for figure in same)
    if first.kpi in COUNTS:
        realised: float | None = sum(figure.realised or 0 for figure in same)
    else:
        realised = _mean([(figure.realised, figure.sample_size) for figure in same])
    # A parameter that names a share of its branch is said without it.
    is_own = any(figure.parameter != first.parameter for figure in same)
    return replace(
        first,
        parameter=first.parameter.rstrip(" .0123456789") if is_own else first.parameter,
        expected=_mean([(figure.expected, figure.sample_size) for figure in same]),
        realised=realised,
        sample_size=size,
    )


def _mean(values: Sequence[tuple[float | None, int]]) -> float | None:
    known = [(value, weight) for value, weight in values if value is not None and weight]
    if not known:
        return values[0][0]
    if len({value for value, _ in known}) == 1:
        return known[0][0]
    return round(sum(value * weight for value, weight in known) / sum(weight for _, weight in known), DIGITS)


def added_records(branches: Sequence[Records]) -> Records:
    """Records of all branches by their words, their numbers added up; in the order of the words."""
    if len(branches) == 1:
        return branches[0]
    found: dict[tuple[str, ...], dict[str, Any]] = {}
    for record in (record for records in branches for record in records):
        words = tuple(value for value in record.values() if isinstance(value, str))
        known = found.get(words)
        found[words] = _sum(known, record) if known else record
    return [record for _, record in sorted(found.items())]


def _sum(one: dict[str, Any], other: dict[str, Any]) -> dict[str, Any]:
    return {
        name: value if isinstance(value, str) else round((value or 0) + (other[name] or 0), CENT_DIGITS)
        for name, value in one.items()
    }

"""Compares what the nights of the past cost with each other; how it is shown, the console decides."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from statistics import median
from types import MappingProxyType

from dagster_project.nightly.record import Outcome, RunRecord, StepTime

MEDIAN_OF = 30
"""So many complete nights before a night are what it is compared with."""

FEWEST = 3
"""Of fewer nights a median says nothing."""

GROWN = 1.5
"""From this multiple of the median on a figure has grown."""

TOTAL, ROWS, PEAK = "seconds", "rows", "peak_mib"
PREDICTIONS, REST = "predictions", "rest"
_GROUP_OF: Mapping[str, str] = MappingProxyType(
    {
        "ingestion": "ingestion",
        "transformation": "models",
        "marts": "models",
        "closing": "models",
        "activation": "lists",
        "publication": "publication",
        "preparation": REST,
        "check docs": REST,
        "kpi pages": REST,
    }
)
GROUPS = ("ingestion", "models", PREDICTIONS, "lists", "publication", REST)
"""The main steps, in the order of the night; whatever is no other step is a family of predictions."""

_LEAST_GROWTH: Mapping[str, float] = MappingProxyType({ROWS: 1_000, PEAK: 100} | dict.fromkeys((TOTAL, *GROUPS), 1))
"""Rows, MiB or seconds; below it a multiple is noise."""


@dataclass(frozen=True)
class NightCost:
    """What one run cost, beside the median of the complete nights before it.

    Args:
        run_id: Which run.
        as_of: The night it stood on.
        started_at: When it started.
        outcome: How it ended.
        is_complete: Whether it went through all steps, which is what makes it comparable.
        figures: Seconds in all and by main step, rows that came in, most memory in MiB; without what is not known.
        medians: Of the nights before, by the same names; without what fewer than three nights had to do.
    """

    run_id: str
    as_of: date | None
    started_at: datetime
    outcome: Outcome
    is_complete: bool
    figures: Mapping[str, float]
    medians: Mapping[str, float]

    def ratio(self, name: str) -> float | None:
        """A figure as a multiple of its median; None where there is nothing to compare."""
        before = self.medians.get(name)
        return self.figures[name] / before if before and name in self.figures else None

    def has_grown(self, name: str) -> bool:
        """Whether a figure is worth a look: half as much again as usual, and not only by a trifle."""
        ratio = self.ratio(name)
        return ratio is not None and ratio > GROWN and self.figures[name] - self.medians[name] >= _LEAST_GROWTH[name]

    @property
    def grown(self) -> tuple[str, ...]:
        """The names of all figures that have grown."""
        return tuple(name for name in self.figures if self.has_grown(name))


def compared(records: Sequence[RunRecord]) -> tuple[NightCost, ...]:
    """Each run beside the nights before it.

    Args:
        records: Newest first, as the store gives them; more than are shown make better medians.

    Returns:
        Newest first.
    """
    return tuple(_cost(record, before=records[position + 1 :]) for position, record in enumerate(records))


def _cost(record: RunRecord, *, before: Iterable[RunRecord]) -> NightCost:
    is_complete = _is_complete(record)
    usual = [_worked(one) for one in before if _is_complete(one)][:MEDIAN_OF] if is_complete else []
    figures = _figures(record)
    worked = _worked(record)
    medians = {
        name: median(values)
        for name in figures
        if name in worked and len(values := [one[name] for one in usual if name in one]) >= FEWEST
    }
    return NightCost(
        run_id=record.run_id,
        as_of=record.as_of,
        started_at=record.started_at,
        outcome=record.outcome,
        is_complete=is_complete,
        figures=figures,
        medians=medians,
    )


def _is_complete(record: RunRecord) -> bool:
    names = {step.step for step in record.steps}
    return record.failure is None and {"ingestion", "publication"} <= names


def _figures(record: RunRecord) -> dict[str, float]:
    figures: dict[str, float] = {TOTAL: record.seconds}
    for group in GROUPS:
        steps = _steps_of(record, group)
        if steps:
            figures[group] = sum(step.seconds for step in steps)
    figures[ROWS] = record.loaded_rows
    if record.peak_mib is not None:
        figures[PEAK] = record.peak_mib
    return figures


def _worked(record: RunRecord) -> dict[str, float]:
    """The figures without those of steps that had nothing to do: they would make the next night look expensive."""
    idle = {group for group in GROUPS if all(step.is_unchanged for step in _steps_of(record, group))}
    if {"ingestion", "models"} <= idle:
        return {}
    return {name: value for name, value in _figures(record).items() if name not in idle}


def _steps_of(record: RunRecord, group: str) -> list[StepTime]:
    steps = [step for step in record.steps if not step.step.startswith("·")]
    return [step for step in steps if _GROUP_OF.get(step.step, PREDICTIONS) == group]

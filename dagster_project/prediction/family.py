"""What a family of predictions declares, is given and gives back; no formula and no database here."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import date
from typing import Any

import polars as pl

from dagster_project.prediction.fits import FitBook
from dagster_project.warehouse import Table

__all__ = ["Cutoff", "Family", "Inputs", "Outcome", "Score", "Table"]


@dataclass(frozen=True)
class Cutoff:
    """Learn from what happened up to `through`; hold it against what happened after it, up to `until`."""

    through: date
    until: date


@dataclass(frozen=True)
class Inputs:
    """What a family may know.

    Args:
        as_of: The date the warehouse stands on.
        parameters: The business parameters: the row of `core.dim_parameters`.
        cutoffs: By purpose: `today`, `fit`, `holdout` (`predictions.pred_cutoffs`).
        frames: The answers to the family's `reads`.
        fits: What earlier nights fitted.
    """

    as_of: date
    parameters: Mapping[str, Any]
    cutoffs: Mapping[str, Cutoff]
    frames: Mapping[str, pl.DataFrame]
    fits: FitBook


@dataclass(frozen=True)
class Score:
    """One figure of one model on data it has not seen, beside that of the baseline it has to beat.

    Args:
        model: Which model.
        member: `total`, or a part such as a customer segment.
        measure: What is measured, such as `mae`, `auc` or `coverage`.
        value: The model's figure; None when nothing could be measured.
        baseline: The baseline's.
        is_better: Whether the model beats the baseline; None for measures that cannot be won.
        learned_through: Last day the model saw.
        watched_until: Last day it was held against.
        case_count: Customers, deals or months it was held against.
    """

    model: str
    member: str
    measure: str
    value: float | None
    baseline: float | None
    is_better: bool | None
    learned_through: date
    watched_until: date
    case_count: int


@dataclass(frozen=True)
class Outcome:
    """What a family gives back.

    Args:
        tables: A frame for each of its tables; empty ones, too.
        scores: How good it was.
        warnings: A sentence for each model that lost against its baseline, so that the baseline is published.
        notes: A sentence for each model that could not be fitted.
        detail: A few words for the step table.
    """

    tables: Mapping[str, pl.DataFrame]
    scores: tuple[Score, ...] = ()
    warnings: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()
    detail: str = ""


@dataclass(frozen=True)
class Family:
    """Predictions that are fitted together.

    Args:
        name: The step of the night and the asset's name.
        description: What it predicts, in a sentence.
        owner: Who answers for it.
        reads: SQL over dbt models by frame; each with a complete `order by`.
        models: The dbt models that the SQL reads, as `schema.name`.
        writes: The tables it writes.
        predict: The work: frames in, frames out. Heavy libraries are imported inside of it.
    """

    name: str
    description: str
    owner: str
    reads: Mapping[str, str]
    models: tuple[str, ...]
    writes: tuple[Table, ...]
    predict: Callable[[Inputs], Outcome]

"""What the incoming door expects of a batch: its contract, held against the batch's profile, never against its rows."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import date
from decimal import Decimal

import polars as pl

from dagster_project.ingestion import BatchProfile, Bounds, ColumnProfile, Contract, ContractColumn
from dagster_project.quality.expectations import Expectation

DAYS_AFTER_BATCH = 1.0
"""An export of a day may hold events of the night after it, but nothing from further ahead."""


@dataclass(frozen=True)
class Measure:
    """One figure of a batch that must not exceed its limit.

    Args:
        name: Column of the door's table; the same for every batch of a feed.
        observed: The figure of this batch; 0 when there is nothing to complain about.
        limit: The highest figure that is fine.
        message: The problem in one sentence when it is exceeded.
    """

    name: str
    observed: float
    limit: float
    message: str

    @property
    def is_exceeded(self) -> bool:
        """The figure is out of bounds."""
        return self.observed > self.limit


def measure_batch(profile: BatchProfile, *, contract: Contract, bounds: Bounds) -> tuple[Measure, ...]:
    """Every figure of a batch that its contract says something about.

    Args:
        profile: The candidate batch.
        contract: What its feed promises.
        bounds: The bounds that hold for its mapping.
    """
    columns = {column.column: column for column in profile.columns}
    measures = [_unaccounted(profile), _bad_rows(profile, bounds)]
    for promised in contract.columns:
        if promised.name in columns:
            measures.extend(_column_measures(promised, columns[promised.name]))
    if contract.event_at in columns:
        measures.append(_days_ahead(columns[contract.event_at], profile.batch_date))
    return tuple(measures)


def door_table(batches: Sequence[tuple[BatchProfile, tuple[Measure, ...]]]) -> pl.DataFrame:
    """The table that is validated: one row per batch, one column per measure."""
    return pl.DataFrame(
        [
            {"file": f"{profile.source_system}/{profile.file}"} | {one.name: one.observed for one in measures}
            for profile, measures in batches
        ]
    )


def batch_expectations(measures: Sequence[Measure]) -> tuple[Expectation, ...]:
    """The blocking question for one batch: no figure above its limit."""
    return tuple(_at_most("ExpectColumnMaxToBeBetween", one) for one in measures)


def feed_expectations(batches: Sequence[tuple[Measure, ...]]) -> tuple[Expectation, ...]:
    """The same for all batches of a feed at once; where one failed, in the form whose page names the files."""
    return tuple(
        _at_most(
            "ExpectColumnValuesToBeBetween" if any(one.is_exceeded for one in same) else "ExpectColumnMaxToBeBetween",
            same[0],
        )
        for same in zip(*batches, strict=True)
    )


def _at_most(kind: str, measure: Measure) -> Expectation:
    return Expectation(kind, {"column": measure.name, "max_value": measure.limit}, message=measure.message)


def _unaccounted(profile: BatchProfile) -> Measure:
    rows = profile.delivered_rows - profile.loaded_rows - profile.quarantined_rows - profile.duplicate_rows
    return Measure("unaccounted_rows", abs(rows), 0.0, f"{abs(rows):,} rows are neither loaded nor kept as bad ones")


def _bad_rows(profile: BatchProfile, bounds: Bounds) -> Measure:
    bad, delivered = profile.quarantined_rows, profile.delivered_rows
    is_few = bad < bounds.min_bad_rows and bad < delivered
    excess = 0.0 if is_few else max(0.0, bad - bounds.max_bad_share * delivered)
    message = f"{bad:,} of {delivered:,} rows break the contract, {bounds.max_bad_share:.1%} are allowed"
    return Measure("bad_rows_above_bound", excess, 0.0, message)


def _column_measures(promised: ContractColumn, found: ColumnProfile) -> Iterator[Measure]:
    name = promised.name
    if promised.required:
        message = f"{name} is empty in {found.null_count:,} rows, but must be filled"
        yield Measure(f"{name}_empty_rows", found.null_count, 0.0, message)
    if promised.minimum is not None:
        below = max(0.0, _number(promised.minimum) - _number(found.minimum or promised.minimum))
        yield Measure(f"{name}_below_minimum", below, 0.0, f"{name} goes below {promised.minimum}")
    if promised.maximum is not None:
        above = max(0.0, _number(found.maximum or promised.maximum) - _number(promised.maximum))
        yield Measure(f"{name}_above_maximum", above, 0.0, f"{name} goes above {promised.maximum}")


def _days_ahead(newest: ColumnProfile, batch_date: date) -> Measure:
    days = (date.fromisoformat(newest.maximum[:10]) - batch_date).days if newest.maximum else 0
    message = f"{newest.column} reaches {days} days past the date of the batch"
    return Measure(f"{newest.column}_days_after_batch", max(0.0, days), DAYS_AFTER_BATCH, message)


def _number(value: date | Decimal | str) -> float:
    """A limit, or what a profile holds against it, on one scale: dates count in days."""
    if isinstance(value, date):
        return float(value.toordinal())
    try:
        return float(value)
    except ValueError:
        return float(date.fromisoformat(str(value)[:10]).toordinal())

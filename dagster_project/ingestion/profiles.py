"""Profiles a candidate batch: a few figures per column, so that checks need not touch its rows."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime

import polars as pl

from dagster_project.ingestion.batches import Batch, BatchProfile, ColumnProfile, Counts
from dagster_project.ingestion.contracts import Contract


def profile_batch(
    rows: pl.LazyFrame, *, batch: Batch, counts: Counts, contract: Contract, bad: Mapping[str, int]
) -> BatchProfile:
    """Describe the rows that would be loaded.

    Args:
        rows: The accepted rows.
        batch: Which batch it is.
        counts: Where its rows would go.
        contract: The feed's contract.
        bad: Bad rows by the column that made them bad.
    """
    figures: list[pl.Expr] = [pl.len().alias("rows")]
    for column in contract.columns:
        value = pl.col(column.name)
        figures.append(value.null_count().alias(f"{column.name}:nulls"))
        figures.append(value.approx_n_unique().alias(f"{column.name}:distinct"))
        figures.append(value.min().alias(f"{column.name}:minimum"))
        figures.append(value.max().alias(f"{column.name}:maximum"))
    found = rows.select(figures).collect(engine="streaming").row(0, named=True)
    columns = tuple(
        ColumnProfile(
            column=column.name,
            type=column.type,
            required=column.required,
            row_count=found["rows"],
            null_count=found[f"{column.name}:nulls"],
            distinct_count=found[f"{column.name}:distinct"],
            minimum=_text(found[f"{column.name}:minimum"]),
            maximum=_text(found[f"{column.name}:maximum"]),
            bad_count=bad.get(column.name, 0),
        )
        for column in contract.columns
    )
    return BatchProfile.of(batch, counts, columns)


def _text(value: object) -> str | None:
    if value is None or isinstance(value, str):
        return value
    return value.isoformat(sep=" ") if isinstance(value, datetime) else str(value)

"""What lies in quarantine: batches with bad rows, refused ones, and the rows themselves; replaying is done in run."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date

import polars as pl

from dagster_project.ingestion.batches import Batch
from dagster_project.ingestion.ledger import chosen_batches, ledger_of
from dagster_project.ingestion.quarantine_files import quarantine_path, read_quarantine
from dagster_project.settings import Settings


@dataclass(frozen=True)
class QuarantinedRow:
    """A bad row."""

    batch_id: str
    source_system: str
    feed: str
    file: str
    line: int
    column_name: str | None
    reason: str
    original_text: str


@dataclass(frozen=True)
class QuarantineEntry:
    """A batch with bad rows, or one that was refused whole."""

    batch_id: str
    source_system: str
    feed: str
    file: str
    batch_date: date
    status: str
    delivered_rows: int
    quarantined_rows: int
    reason: str


def list_quarantine(*, settings: Settings) -> tuple[QuarantineEntry, ...]:
    """Every batch with bad rows and every refused one, oldest first."""
    return tuple(
        QuarantineEntry(
            batch_id=row.batch.batch_id,
            source_system=row.batch.source_system,
            feed=row.batch.feed,
            file=row.batch.file,
            batch_date=row.batch.batch_date,
            status=row.status,
            delivered_rows=row.counts.delivered_rows,
            quarantined_rows=row.counts.quarantined_rows,
            reason=row.reason,
        )
        for row in chosen_batches(ledger_of(settings), batch_id=None, feed=None)
    )


def show_quarantine(
    *, settings: Settings, batch_id: str | None = None, feed: str | None = None, limit: int = 50
) -> tuple[QuarantinedRow, ...]:
    """Bad rows with their original text.

    Args:
        settings: Where things are.
        batch_id: Only this batch (the first characters are enough).
        feed: Only this feed.
        limit: At most so many rows.

    Raises:
        CrmError: A batch is asked for that is not in quarantine.
    """
    shown: list[QuarantinedRow] = []
    for row in chosen_batches(ledger_of(settings), batch_id=batch_id, feed=feed):
        path = quarantine_path(settings.quarantine_dir, row.batch, row.batch.batch_id)
        if path.exists() and len(shown) < limit:
            shown.extend(quarantined_rows(read_quarantine(path).head(limit - len(shown)), row.batch))
    return tuple(shown)


def quarantined_rows(bad: pl.DataFrame, batch: Batch) -> Iterator[QuarantinedRow]:
    """Bad rows of a batch as values."""
    rows = bad.select("line", "column_name", "reason", "original_text").iter_rows()
    for line, column_name, reason, original_text in rows:
        yield QuarantinedRow(
            batch_id=batch.batch_id,
            source_system=batch.source_system,
            feed=batch.feed,
            file=batch.file,
            line=line,
            column_name=column_name,
            reason=reason,
            original_text=original_text,
        )

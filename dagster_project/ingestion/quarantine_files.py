"""Writes and reads the files bad rows are kept in: one Parquet file per batch, readable only by the owner."""

from __future__ import annotations

from collections.abc import Collection
from pathlib import Path

import polars as pl

from dagster_project.ingestion.batches import Batch

SCHEMA = {
    "feed": pl.String,
    "source_system": pl.String,
    "file": pl.String,
    "line": pl.Int64,
    "column_name": pl.String,
    "reason": pl.String,
    "original_text": pl.String,
}


def quarantine_path(quarantine_dir: Path, batch: Batch, batch_id: str) -> Path:
    """Where the bad rows of a batch lie."""
    return quarantine_dir / batch.source_system / batch.feed / f"{batch_id}.parquet"


def write_quarantine(path: Path, bad: pl.LazyFrame, batch: Batch) -> None:
    """Write the bad rows of a batch beside, then put them in place in one step."""
    origin = [
        pl.lit(value).alias(name)
        for name, value in (("feed", batch.feed), ("source_system", batch.source_system), ("file", batch.file))
    ]
    for folder in (path.parent.parent.parent, path.parent.parent, path.parent):
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    beside = path.with_suffix(".new")
    beside.touch(mode=0o600)
    beside.chmod(0o600)
    bad.with_columns(origin).select(list(SCHEMA)).sink_parquet(beside)
    beside.replace(path)


def sweep_quarantine(quarantine_dir: Path, *, known: Collection[str]) -> None:
    """Remove what a killed run left behind: unfinished files, and files of batches that have no bad rows any more.

    Args:
        quarantine_dir: Where bad rows lie.
        known: Ids of the batches that have some.
    """
    for path in quarantine_dir.glob("*/*/*"):
        if path.suffix == ".new" or (path.suffix == ".parquet" and path.stem not in known):
            path.unlink()


def read_quarantine(path: Path) -> pl.DataFrame:
    """The bad rows of a batch."""
    return pl.read_parquet(path)

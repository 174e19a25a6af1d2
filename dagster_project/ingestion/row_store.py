"""Keeps rows of one batch until they are loaded: in memory while few, as Parquet files when not."""

from __future__ import annotations

import shutil
import tempfile
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import cast

import numpy as np
import polars as pl

from dagster_project.ingestion.repeats import repeated_groups

SPILL_BYTES = 256 * 2**20
_INDEX = "__index"


class RowStore:
    """Rows of one batch, in file order.

    Args:
        spill_dir: Where rows go that do not fit into memory.
        schema: Columns and types of the rows.
    """

    def __init__(self, spill_dir: Path, schema: Mapping[str, pl.DataType]) -> None:
        """Start empty."""
        self._spill_dir, self._schema = spill_dir, dict(schema)
        self._folder: Path | None = None
        self._frames: list[pl.DataFrame] = []
        self._spilled: list[Path] = []
        self._heights: list[int] = []
        self._dropped = np.zeros(0, dtype=np.int64)
        self._null_counts = Counter[str]()
        self._bytes = 0

    @property
    def null_counts(self) -> Mapping[str, int]:
        """Empty values by column, dropped rows not counted; known without another look at the rows."""
        return self._null_counts

    @property
    def height(self) -> int:
        """Number of rows, dropped ones not counted."""
        return sum(self._heights) - len(self._dropped)

    def add(self, frame: pl.DataFrame) -> None:
        """Append rows."""
        if not frame.height:
            return
        self._frames.append(frame)
        self._heights.append(frame.height)
        self._null_counts.update(frame.null_count().row(0, named=True))
        self._bytes += int(frame.estimated_size())
        if self._bytes > SPILL_BYTES:
            self._spill()

    def scan(self) -> pl.LazyFrame:
        """All rows, dropped ones included; collect it with the streaming engine, or it is all in memory."""
        spilled = [pl.scan_parquet(path) for path in self._spilled]
        parts = [*spilled, *(frame.lazy() for frame in self._frames)]
        return pl.concat(parts) if parts else pl.LazyFrame(schema=self._schema)

    def drop_duplicates(self, key: Sequence[str]) -> int:
        """Drop rows that repeat an earlier row exactly; returns how many.

        Args:
            key: Columns that differ unless rows are equal, so that only rows with equal keys need comparing.
        """
        suspects = self._suspects_in_files(key) if self.is_spilled else self._suspects_in_memory(key)
        dropped = [self._repeats(rows) for rows in suspects]
        self._dropped = np.sort(np.concatenate([self._dropped, *dropped]))
        return len(self._dropped)

    @property
    def is_spilled(self) -> bool:
        """Whether the rows had to be written to files."""
        return self._folder is not None

    def frames(self) -> Iterator[pl.DataFrame]:
        """The kept rows, part by part."""
        offset = 0
        for part in self._parts():
            kept = self._without_dropped(part, offset)
            offset += part.height
            if kept.height:
                yield kept

    def files(self) -> list[Path]:
        """Parquet files with the kept rows, in order; those still in memory are written, too."""
        if self._frames:
            self._spill()
        if len(self._dropped):
            for number, frame in enumerate(self.frames()):
                self._write(frame, name=f"kept_{number:06}")
            return sorted(self._place().glob("kept_*.parquet"))
        return self._spilled

    def head(self, count: int) -> pl.DataFrame:
        """The first rows, dropped ones included."""
        return self.scan().head(count).collect()

    def close(self) -> None:
        """Remove what was written."""
        self._frames.clear()
        if self._folder is not None:
            shutil.rmtree(self._folder, ignore_errors=True)

    def _suspects_in_memory(self, key: Sequence[str]) -> Iterator[pl.DataFrame]:
        """Rows whose key occurs more than once, with their index, all at once."""
        rows = self.scan()
        keys = pl.struct(key) if len(key) > 1 else pl.col(key[0])
        if rows.select(keys.n_unique()).collect().item() != sum(self._heights):
            numbered = rows.with_row_index(_INDEX).with_columns(pl.col(_INDEX).cast(pl.Int64))
            yield numbered.filter(pl.struct(key).is_duplicated()).collect()

    def _suspects_in_files(self, key: Sequence[str]) -> Iterator[pl.DataFrame]:
        """Rows whose key may occur more than once, with their index, in groups that fit into memory."""
        hashes = self._place() / "key_hashes"
        with hashes.open("wb") as file:
            for part in self._parts(key):
                part.hash_rows().to_numpy().tofile(file)
        for group in repeated_groups(hashes):
            yield pl.concat(self._rows_with(key, group))
        hashes.unlink()

    def _rows_with(self, key: Sequence[str], hashes: pl.Series) -> Iterator[pl.DataFrame]:
        offset = 0
        for part in self._parts():
            numbered = part.with_columns(pl.int_range(offset, offset + pl.len(), dtype=pl.Int64).alias(_INDEX))
            yield copied(numbered.filter(part.select(key).hash_rows().is_in(hashes.implode())))
            offset += part.height

    def _repeats(self, suspects: pl.DataFrame) -> np.ndarray[tuple[int], np.dtype[np.int64]]:
        """Index of each row that equals an earlier one, its line apart."""
        compared = [name for name in suspects.columns if name not in (_INDEX, "_line")]
        repeats = suspects.filter(~pl.struct(compared).is_first_distinct())
        self._null_counts.subtract(repeats.drop(_INDEX).null_count().row(0, named=True))
        return repeats[_INDEX].to_numpy()

    def _without_dropped(self, part: pl.DataFrame, offset: int) -> pl.DataFrame:
        first, last = np.searchsorted(self._dropped, [offset, offset + part.height])
        if first == last:
            return part
        is_kept = np.ones(part.height, dtype=np.bool_)
        is_kept[self._dropped[first:last] - offset] = False
        return part.filter(pl.Series(is_kept))

    def _parts(self, columns: Sequence[str] | None = None) -> Iterator[pl.DataFrame]:
        for path in self._spilled:
            yield pl.read_parquet(path, columns=list(columns) if columns else None)
        for frame in self._frames:
            yield frame.select(columns) if columns else frame

    def _spill(self) -> None:
        for frame in self._frames:
            self._spilled.append(self._write(frame, name=f"part_{len(self._spilled):06}"))
        self._frames.clear()
        self._bytes = 0

    def _write(self, frame: pl.DataFrame, *, name: str) -> Path:
        path = self._place() / f"{name}.parquet"
        frame.write_parquet(path, compression="lz4", statistics=False)
        return path

    def _place(self) -> Path:
        if self._folder is None:
            self._spill_dir.mkdir(parents=True, exist_ok=True)
            self._folder = Path(tempfile.mkdtemp(prefix="batch_", dir=self._spill_dir))
        return self._folder


def copied(rows: pl.DataFrame) -> pl.DataFrame:
    """Rows of their own: those that a filter leaves still hold the text of all that it took away.

    Args:
        rows: What is left of many more.
    """
    return cast("pl.DataFrame", pl.from_arrow(rows.to_arrow()))

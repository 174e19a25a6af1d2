"""Keeps the accepted rows of one batch until they are loaded: in memory while small, as Parquet files when not."""

from __future__ import annotations

import shutil
import tempfile
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

import polars as pl

SPILL_BYTES = 512 * 2**20
_INDEX = "__index"


class RowStore:
    """Accepted rows of one batch, in file order.

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
        self._dropped = pl.Series(dtype=pl.Int64)
        self._null_counts = Counter[str]()
        self._bytes = 0

    @property
    def null_counts(self) -> Mapping[str, int]:
        """Empty values by column, dropped rows not counted; known without another look at the rows."""
        return self._null_counts

    @property
    def height(self) -> int:
        """Number of rows, dropped ones not counted."""
        return sum(self._heights) - self._dropped.len()

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
        """All rows, dropped ones included."""
        spilled = [pl.scan_parquet(path) for path in self._spilled]
        parts = [*spilled, *(frame.lazy() for frame in self._frames)]
        return pl.concat(parts) if parts else pl.LazyFrame(schema=self._schema)

    def drop_duplicates(self, key: Sequence[str]) -> int:
        """Drop rows that repeat an earlier row exactly; returns how many.

        Args:
            key: Columns that differ unless rows are equal, so that only rows with equal keys need comparing.
        """
        rows = self.scan()
        keys = pl.struct(key) if len(key) > 1 else pl.col(key[0])
        if rows.select(keys.n_unique()).collect().item() == sum(self._heights):
            return 0
        numbered = rows.with_row_index(_INDEX).with_columns(pl.col(_INDEX).cast(pl.Int64))
        suspects = numbered.filter(pl.struct(key).is_duplicated()).collect()
        compared = [name for name in suspects.columns if name not in (_INDEX, "_line")]
        dropped = suspects.filter(~pl.struct(compared).is_first_distinct())
        self._null_counts.subtract(dropped.drop(_INDEX).null_count().row(0, named=True))
        self._dropped = dropped[_INDEX]
        return self._dropped.len()

    @property
    def is_spilled(self) -> bool:
        """Whether the rows had to be written to files."""
        return self._folder is not None

    def frames(self) -> Iterator[pl.DataFrame]:
        """The kept rows, part by part."""
        offset = 0
        for part, height in zip(self._parts(), self._heights, strict=True):
            kept = part.filter(~self._is_dropped(offset, height)) if self._dropped.len() else part
            offset += height
            if kept.height:
                yield kept

    def files(self) -> list[Path]:
        """Parquet files with the kept rows, in order; those still in memory are written, too."""
        if self._frames:
            self._spill()
        if self._dropped.len():
            for number, frame in enumerate(self.frames()):
                self._write(frame, name=f"kept_{number:06}")
            return sorted(self._place().glob("kept_*.parquet"))
        return self._spilled

    def close(self) -> None:
        """Remove what was written."""
        self._frames.clear()
        if self._folder is not None:
            shutil.rmtree(self._folder, ignore_errors=True)

    def _is_dropped(self, offset: int, height: int) -> pl.Series:
        return pl.int_range(offset, offset + height, eager=True).is_in(self._dropped.implode())

    def _parts(self) -> Iterator[pl.DataFrame]:
        for path in self._spilled:
            yield pl.read_parquet(path)
        yield from self._frames

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

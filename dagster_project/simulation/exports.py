"""How true rows become dated export files: full snapshots, deltas, appended events; no system's layout."""

from __future__ import annotations

import io
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Literal

import numpy as np
import polars as pl

from dagster_project.simulation.horizon import Horizon, Period

Mode = Literal["full", "delta", "append"]
Layout = Callable[[pl.DataFrame], pl.DataFrame]
Encode = Callable[[pl.DataFrame], bytes]
WEEK = 7


@dataclass(frozen=True)
class Format:
    """How rows become a file.

    `encode` makes a file of its first rows, `more` what follows in it with further rows. A format whose files cannot
    grow has no `more`: its rows are kept as Parquet parts and put together by `join`, or encoded all at once.
    """

    encode: Encode
    more: Encode | None = None
    join: Callable[[Sequence[Path], Path], None] | None = None


@dataclass(frozen=True)
class Export:
    """One kind of export file.

    `rows` carries `_at`, the second from which a row (or this state of it) is known; full exports also `_until`, the
    second from which it no longer is. A delta holds the last state of each `key` that changed in the period.
    """

    system: str
    name: str
    stem: str
    suffix: str
    mode: Mode
    rows: pl.DataFrame
    layout: Layout
    format: Format
    key: tuple[str, ...] = ()
    is_weekly: bool = False
    gzip_every: int = 0


@dataclass(frozen=True)
class Slice:
    """The rows of one export file, not laid out yet."""

    export: Export
    index: int
    period: Period
    rows: pl.DataFrame

    @property
    def path(self) -> str:
        """Path below the landing directory."""
        packed = ".gz" if self.is_packed else ""
        return f"{self.export.system}/{self.export.stem}{self.period.last:%Y%m%d}{self.export.suffix}{packed}"

    @property
    def arrival(self) -> date:
        """The night on which the file normally arrives."""
        return self.period.last

    @property
    def is_packed(self) -> bool:
        """Whether the file is compressed with gzip."""
        every = self.export.gzip_every
        return bool(every) and self.index % every == 0


def slices(export: Export, horizon: Horizon) -> Iterator[Slice]:
    """Cut an export into its files; periods without rows have none."""
    cut = _snapshots(export, horizon) if export.mode == "full" else _portions(export, horizon)
    for index, rows in cut:
        if rows.height:
            yield Slice(export, index, horizon.periods[index], rows)


def _snapshots(export: Export, horizon: Horizon) -> Iterator[tuple[int, pl.DataFrame]]:
    for index, end in enumerate(horizon.period_ends.tolist()):
        night = index - horizon.bulk_count
        if export.is_weekly and night >= 0 and night % WEEK != WEEK - 1:
            continue
        yield index, export.rows.filter((pl.col("_at") < end) & (pl.col("_until") >= end))


def _portions(export: Export, horizon: Horizon) -> Iterator[tuple[int, pl.DataFrame]]:
    rows = export.rows.with_columns(_period=pl.Series(horizon.period_of(export.rows["_at"].to_numpy())))
    rows = rows.filter(pl.col("_period") < len(horizon.periods))
    if export.mode == "delta":
        rows = rows.sort(*export.key, "_at", maintain_order=True)
        rows = rows.unique([*export.key, "_period"], keep="last", maintain_order=True)
    rows = rows.sort("_period", "_at", *export.key, maintain_order=True)
    bounds = np.searchsorted(rows["_period"].to_numpy(), np.arange(len(horizon.periods) + 1))
    for index in range(len(horizon.periods)):
        begin, end = int(bounds[index]), int(bounds[index + 1])
        yield index, rows.slice(begin, end - begin)


def versions(*parts: pl.DataFrame, key: str, until: str | None = None) -> pl.DataFrame:
    """Put states of the same keys on one time line and say until when each of them holds.

    Args:
        *parts: Frames with `_at`; a null column means "as before".
        key: Column of the key.
        until: Column with the second from which the key is gone, if any.
    """
    rows = pl.concat(parts, how="diagonal").sort(key, "_at", maintain_order=True)
    carried = [column for column in rows.columns if column not in (key, "_at")]
    rows = rows.with_columns(pl.col(carried).forward_fill().over(key))
    following = pl.col("_at").shift(-1).over(key)
    end = pl.col(until) if until else pl.lit(np.iinfo(np.int64).max // 4, pl.Int64)
    return rows.with_columns(_until=pl.min_horizontal(pl.coalesce(following, end), end)).filter(
        pl.col("_until") > pl.col("_at")
    )


def csv(
    *,
    separator: str = ",",
    quote: Literal["necessary", "always"] = "necessary",
    encoding: str = "utf-8",
    newline: str = "\n",
) -> Format:
    """CSV in one dialect."""

    def text(frame: pl.DataFrame, *, header: bool) -> bytes:
        lines = frame.write_csv(include_header=header, separator=separator, quote_style=quote, line_terminator=newline)
        return lines.encode(encoding)

    return Format(lambda frame: text(frame, header=True), lambda frame: text(frame, header=False))


def _lines(frame: pl.DataFrame) -> bytes:
    return frame.write_ndjson().encode()


def _parquet(frame: pl.DataFrame) -> bytes:
    target = io.BytesIO()
    frame.write_parquet(target, compression="zstd", statistics=True)
    return target.getvalue()


def _joined(parts: Sequence[Path], target: Path) -> None:
    """One row group after the other, so that no more than a part is in memory."""
    import pyarrow.parquet as pq

    with pq.ParquetWriter(target, pq.read_schema(parts[0]), compression="zstd") as writer:
        for part in parts:
            writer.write_table(pq.read_table(part))


NDJSON = Format(_lines, _lines)
"""One JSON object per line."""

PARQUET = Format(_parquet, join=_joined)
"""Typed columns."""


def utc_text(column: str, pattern: str) -> pl.Expr:
    """Seconds as text in UTC."""
    return pl.from_epoch(pl.col(column), time_unit="s").dt.strftime(pattern)


def local_text(column: str, pattern: str) -> pl.Expr:
    """Seconds as text in Berlin's local time."""
    moment = (
        pl.from_epoch(pl.col(column), time_unit="s").dt.replace_time_zone("UTC").dt.convert_time_zone("Europe/Berlin")
    )
    return moment.dt.strftime(pattern)


def day_text(column: str, pattern: str = "%Y-%m-%d") -> pl.Expr:
    """Days since the epoch as text."""
    return pl.col(column).cast(pl.Int32).cast(pl.Date).dt.strftime(pattern)


def money(column: str) -> pl.Expr:
    """Cents as 1234.56."""
    cents = pl.col(column)
    return pl.concat_str((cents // 100).cast(pl.String), pl.lit("."), (cents % 100).cast(pl.String).str.zfill(2))


def german_money(column: str) -> pl.Expr:
    """Cents as 1.234,56; negative ones as -1.234,56."""
    cents = pl.col(column).abs()
    sign = pl.when(pl.col(column) < 0).then(pl.lit("-")).otherwise(pl.lit(""))
    euros = cents // 100
    tail = pl.concat_str(pl.lit(","), (cents % 100).cast(pl.String).str.zfill(2))
    thousands, ones = euros // 1000, (euros % 1000).cast(pl.String)
    below = pl.concat_str((thousands % 1000).cast(pl.String), pl.lit("."), ones.str.zfill(3), tail)
    above = pl.concat_str(
        (thousands // 1000).cast(pl.String),
        pl.lit("."),
        (thousands % 1000).cast(pl.String).str.zfill(3),
        pl.lit("."),
        ones.str.zfill(3),
        tail,
    )
    size = pl.when(thousands == 0).then(pl.concat_str(ones, tail)).when(thousands < 1000).then(below).otherwise(above)
    return pl.concat_str(sign, size)


def flag(expression: pl.Expr, *, true: str = "true", false: str = "false") -> pl.Expr:
    """A condition in a system's own words."""
    return pl.when(expression).then(pl.lit(true)).otherwise(pl.lit(false))


def words_by(expression: pl.Expr, values: list[str]) -> pl.Expr:
    """Text by index."""
    return expression.replace_strict(range(len(values)), values, return_dtype=pl.String)

"""Reads Parquet files and Excel sheets; Parquet keeps its types, a sheet becomes text."""

from __future__ import annotations

import zipfile
from collections.abc import Iterator
from pathlib import Path

import fastexcel
import polars as pl

from dagster_project.ingestion.mappings import FileFormat
from dagster_project.ingestion.readers.content import MAX_UNPACK_RATIO, UNPACK_ALLOWANCE, raw_blocks
from dagster_project.ingestion.readers.delimited import unique_names
from dagster_project.ingestion.readers.source import (
    LINE,
    MAX_CELL_BYTES,
    ROW,
    BadRecord,
    Chunk,
    Needs,
    RefusedFileError,
    RenderedText,
    SourceFile,
    clip,
)

ROWS_PER_CHUNK = 250_000


class ParquetFile(SourceFile):
    """A Parquet file whose schema has been read; the line is the row number."""

    def __init__(self, path: Path, needs: Needs) -> None:
        """Read the schema.

        Raises:
            RefusedFileError: The file is empty, cut off or no Parquet.
        """
        _check_parquet(path)
        try:
            self._scan = pl.scan_parquet(path, glob=False)
            self._schema = self._scan.collect_schema()
        except (pl.exceptions.PolarsError, pl.exceptions.PanicException, OSError) as error:
            raise RefusedFileError("unreadable: the Parquet file is damaged") from error
        tops = {path for column in (*needs.columns, *needs.explodes) for path in (column, column.split(".")[0])}
        self._used = [name for name in self._schema if needs.keeps_unknown or name in tops]

    @property
    def columns(self) -> tuple[str, ...]:
        """Names in the schema."""
        return tuple(self._schema)

    def chunks(self) -> Iterator[Chunk]:
        """Read the rows, once; see `SourceFile.chunks`."""
        offset = 0
        try:
            total = self._scan.select(pl.len()).collect().item()
            while offset < total or offset == 0:
                frame = self._scan.select(self._used).slice(offset, ROWS_PER_CHUNK).collect()
                yield _table_chunk(frame, first_line=offset + 1)
                offset += ROWS_PER_CHUNK
        except (pl.exceptions.PolarsError, pl.exceptions.PanicException, OSError) as error:
            raise RefusedFileError("unreadable: the Parquet file is damaged") from error


class ExcelFile(SourceFile):
    """One sheet of a workbook as text; the line is the row number of the sheet."""

    def __init__(self, path: Path, layout: FileFormat, needs: Needs) -> None:
        """Load the sheet.

        Raises:
            RefusedFileError: The file is no workbook, or has no such sheet or no header.
        """
        _check_workbook(path)
        frame = _load_sheet(path, layout)
        rows = frame.with_row_index(ROW).slice(layout.skip_rows)
        filled = rows.filter(pl.any_horizontal(pl.all().exclude(ROW).fill_null("") != ""))
        if not filled.height:
            raise RefusedFileError("unreadable: the sheet has no header row")
        header_row, *header = filled.row(0)
        self._first_line = header_row + 2
        self._names = unique_names([value or "" for value in header])
        renamed = frame.rename(dict(zip(frame.columns, self._names, strict=True))).slice(header_row + 1)
        self._used = [name for name in self._names if needs.keeps_unknown or name in needs.columns]
        self._frame = renamed

    @property
    def columns(self) -> tuple[str, ...]:
        """The header."""
        return self._names

    def chunks(self) -> Iterator[Chunk]:
        """Read the rows, once; see `SourceFile.chunks`. Rows without any value are blank, not delivered."""
        chunk = _table_chunk(self._frame, first_line=self._first_line)
        filled = pl.any_horizontal(pl.col(self._names).fill_null("") != "")
        frame = chunk.frame.filter(filled).drop(ROW).with_row_index(ROW)
        text = RenderedText(frame)
        midnight = r"^(\d{4}-\d{2}-\d{2}) 00:00:00$"
        values = [pl.col(name).str.replace(midnight, "$1") for name in self._used]
        yield Chunk(frame.select(*values, LINE, ROW), text, chunk.bad)


def _table_chunk(frame: pl.DataFrame, *, first_line: int) -> Chunk:
    numbered = frame.with_columns(pl.int_range(first_line, first_line + pl.len(), dtype=pl.Int64).alias(LINE))
    texts = [name for name, dtype in frame.schema.items() if dtype == pl.String]
    if texts:
        is_long = pl.any_horizontal(pl.col(texts).str.len_bytes().fill_null(0) > MAX_CELL_BYTES)
        long_rows = numbered.filter(is_long)
        if long_rows.height:
            numbered = numbered.filter(~is_long)
            rendered = RenderedText(long_rows).take(range(long_rows.height))
            reason = f"a cell is longer than {MAX_CELL_BYTES // 2**20} MiB"
            bad = tuple(
                BadRecord(line, reason, clip(text)) for line, text in zip(long_rows[LINE], rendered, strict=True)
            )
            kept = numbered.with_row_index(ROW)
            return Chunk(kept, RenderedText(kept), bad)
    numbered = numbered.with_row_index(ROW)
    return Chunk(numbered, RenderedText(numbered))


def _check_parquet(path: Path) -> None:
    size = path.stat().st_size
    if size == 0:
        raise RefusedFileError("unreadable: the file is empty")
    with path.open("rb") as file:
        head = file.read(4)
        file.seek(max(size - 4, 0))
        tail = file.read(4)
    if head != b"PAR1":
        raise RefusedFileError("unreadable: the content is no Parquet")
    if tail != b"PAR1" or size < 12:
        raise RefusedFileError("truncated: the Parquet file ends before its footer")


def _check_workbook(path: Path) -> None:
    head = next(raw_blocks(path), b"")[:4]
    if head != b"PK\x03\x04":
        if head == b"\xd0\xcf\x11\xe0":
            return
        raise RefusedFileError("unreadable: the content is no Excel workbook")
    try:
        with zipfile.ZipFile(path) as archive:
            unpacked = sum(entry.file_size for entry in archive.infolist())
    except (zipfile.BadZipFile, OSError, ValueError) as error:
        raise RefusedFileError("truncated: the workbook is cut off or damaged") from error
    if unpacked > UNPACK_ALLOWANCE and unpacked > path.stat().st_size * MAX_UNPACK_RATIO:
        raise RefusedFileError(f"unreadable: the workbook unpacks to more than {MAX_UNPACK_RATIO} times its size")


def _load_sheet(path: Path, layout: FileFormat) -> pl.DataFrame:
    try:
        workbook = fastexcel.read_excel(path)
        names = workbook.sheet_names
        sheet = layout.sheet or names[0]
        if sheet not in names:
            raise RefusedFileError(f"unreadable: the workbook has no sheet {sheet!r}, only {', '.join(names)}")
        return workbook.load_sheet(sheet, header_row=None, skip_rows=0, dtypes="string").to_polars()
    except fastexcel.FastExcelError as error:
        raise RefusedFileError("unreadable: the workbook is damaged") from error

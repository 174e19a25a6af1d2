"""Reads CSV of any dialect in chunks: array operations find the structure, Polars cuts the fields."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import polars as pl

from dagster_project.ingestion.mappings import FileFormat
from dagster_project.ingestion.readers.content import text_blocks
from dagster_project.ingestion.readers.csv_exact import OPEN_QUOTE, ExactCutter, ExactRecord, width_problem
from dagster_project.ingestion.readers.csv_structure import Array, Dialect, Records, find_records
from dagster_project.ingestion.readers.source import (
    LINE,
    MAX_CELL_BYTES,
    MAX_RECORD_BYTES,
    ROW,
    BadRecord,
    Chunk,
    Needs,
    RefusedFileError,
    SourceFile,
    clip,
)

LONG_CELL = f"a cell is longer than {MAX_CELL_BYTES // 2**20} MiB"


@dataclass(frozen=True)
class _BufferText:
    """Original text of records that lie in a buffer."""

    buffer: bytes
    starts: Array
    ends: Array

    def take(self, rows: Sequence[int]) -> list[str]:
        """The records with these numbers."""
        return [clip(self.buffer[self.starts[row] : self.ends[row]].decode()) for row in rows]


@dataclass(frozen=True)
class _ListedText:
    """Original text of records that were cut one by one."""

    texts: tuple[str, ...]

    def take(self, rows: Sequence[int]) -> list[str]:
        """The records with these numbers."""
        return [clip(self.texts[row]) for row in rows]


@dataclass(frozen=True)
class _Cut:
    """What was cut from the front of a buffer."""

    chunk: Chunk
    consumed: int
    line_count: int


class DelimitedFile(SourceFile):
    """A CSV file whose header has been read."""

    def __init__(self, path: Path, layout: FileFormat, needs: Needs) -> None:
        """Read as far as the header.

        Raises:
            RefusedFileError: There is no header, or the file is no text.
        """
        self._layout = layout
        self._blocks = _with_newlines(text_blocks(path, layout.encoding))
        self._dialect = Dialect(ord(layout.delimiter), ord(layout.quote) if layout.quote else None)
        self._buffer, self._line = b"", 1
        self._names = self._read_header()
        wanted = set(self._names) if needs.keeps_unknown else {name for name in self._names if name in needs.columns}
        self._used = [name for name in self._names if name in wanted]

    @property
    def columns(self) -> tuple[str, ...]:
        """The header."""
        return self._names

    def chunks(self) -> Iterator[Chunk]:
        """Read the rows, once; see `SourceFile.chunks`."""
        for block in self._blocks:
            self._buffer += block
            yield from self._cut(is_last=False)
            if len(self._buffer) > MAX_RECORD_BYTES:
                what = f"line {self._line} is longer than {MAX_RECORD_BYTES // 2**20} MiB"
                raise RefusedFileError(f"unreadable: {what}, so this is no table")
        yield from self._cut(is_last=True)

    def _cut(self, *, is_last: bool) -> Iterator[Chunk]:
        if not self._buffer:
            return
        cut = self._cut_fast(is_last=is_last) or self._cut_exact(is_last=is_last)
        self._buffer = self._buffer[cut.consumed :]
        self._line += cut.line_count
        yield cut.chunk

    def _cut_fast(self, *, is_last: bool) -> _Cut | None:
        """Cut what is quoted regularly, record by record; None when the exact way is needed."""
        records = find_records(self._buffer, self._dialect, is_last=is_last)
        width = len(self._names)
        if records is None or bool((records.spans_lines & (records.fields != width)).any()):
            return None
        is_blank = records.ends == records.starts
        is_good = (records.fields == width) & ~is_blank
        for index in np.flatnonzero(is_good & (records.longest > MAX_CELL_BYTES)):
            is_good[index] = not self._has_long_cell(records, int(index))
        bad = [self._bad(records, int(index)) for index in np.flatnonzero(~is_good & ~is_blank)]
        if is_last and bad and not self._buffer.endswith(b"\n"):
            _check_not_cut_off(is_cut_off=records.fields[-1] < width, line=self._line + int(records.lines[-1]))
        frame = self._parse(_joined(self._buffer, records, is_good))
        lines = records.lines[is_good] + self._line
        if frame.height != len(lines):
            return None
        text = _BufferText(self._buffer, records.starts[is_good], records.ends[is_good])
        chunk = Chunk(frame=_numbered(frame, lines), original=text, bad=tuple(bad))
        return _Cut(chunk=chunk, consumed=records.consumed, line_count=records.line_count)

    def _cut_exact(self, *, is_last: bool) -> _Cut:
        text = self._buffer.decode()
        cutter = self._cutter(text, is_last=is_last, width=len(self._names))
        records = list(cutter.records())
        if is_last and records and not text.endswith("\n"):
            last = records[-1]
            is_short = 0 < len(last.fields) < len(self._names) or last.problem == OPEN_QUOTE
            _check_not_cut_off(is_cut_off=is_short and last.end == len(text), line=self._line + last.line)
        problems = [record.problem or _long_cell(record) for record in records]
        good = [record for record, problem in zip(records, problems, strict=True) if not problem]
        bad = tuple(
            BadRecord(self._line + record.line, problem, clip(text[record.start : record.end]))
            for record, problem in zip(records, problems, strict=True)
            if problem
        )
        index = [self._names.index(name) for name in self._used]
        rows = [[record.fields[position] for position in index] for record in good]
        frame = pl.DataFrame(rows, schema=dict.fromkeys(self._used, pl.String), orient="row")
        lines = np.array([record.line for record in good], dtype=np.int64) + self._line
        texts = _ListedText(tuple(text[record.start : record.end] for record in good))
        chunk = Chunk(frame=_numbered(frame, lines), original=texts, bad=bad)
        return _Cut(chunk=chunk, consumed=len(text[: cutter.consumed].encode()), line_count=cutter.line)

    def _cutter(self, text: str, *, is_last: bool, width: int) -> ExactCutter:
        layout = self._layout
        return ExactCutter(text, delimiter=layout.delimiter, quote=layout.quote, width=width, is_last=is_last)

    def _parse(self, data: bytes) -> pl.DataFrame:
        schema = dict.fromkeys(self._names, pl.String())
        if not data:
            return pl.DataFrame(schema={name: schema[name] for name in self._used})
        return pl.read_csv(
            data,
            has_header=False,
            schema=schema,
            columns=[self._names.index(name) for name in self._used],
            separator=self._layout.delimiter,
            quote_char=self._layout.quote,
            empty_string_is_null=False,
        ).select(self._used)

    def _has_long_cell(self, records: Records, index: int) -> bool:
        text = self._buffer[records.starts[index] : records.ends[index]].decode()
        return any(_long_cell(record) for record in self._cutter(text, is_last=True, width=len(self._names)).records())

    def _bad(self, records: Records, index: int) -> BadRecord:
        problem = width_problem(int(records.fields[index]), len(self._names)) or LONG_CELL
        text = clip(self._buffer[records.starts[index] : records.ends[index]].decode())
        return BadRecord(self._line + int(records.lines[index]), problem, text)

    def _read_header(self) -> tuple[str, ...]:
        header: ExactRecord | None = None
        is_last = False
        while header is None and not is_last and len(self._buffer) <= MAX_RECORD_BYTES:
            block = next(self._blocks, None)
            self._buffer += block or b""
            is_last = block is None
            header = self._take_header(is_last=is_last)
        if header is None or not header.fields:
            raise RefusedFileError("unreadable: the file has no header line")
        return unique_names(header.fields)

    def _take_header(self, *, is_last: bool) -> ExactRecord | None:
        """Take the header off the buffer; None when it is not whole yet."""
        lines = self._buffer.split(b"\n", self._layout.skip_rows)
        if len(lines) <= self._layout.skip_rows:
            return None
        text = lines[-1][:MAX_CELL_BYTES].decode(errors="ignore")
        cutter = self._cutter(text, is_last=is_last and len(lines[-1]) <= MAX_CELL_BYTES, width=0)
        header = next(cutter.records(), None)
        if header is not None:
            self._buffer = lines[-1][len(text[: cutter.consumed].encode()) :]
            self._line += self._layout.skip_rows + cutter.line
        return header


def unique_names(header: Sequence[str]) -> tuple[str, ...]:
    """Column names of a header without blanks around them; a name that comes again gets a number: `Name#2`."""
    names: list[str] = []
    seen: dict[str, int] = {}
    for index, text in enumerate(header, start=1):
        name = text.strip() or f"column {index}"
        seen[name] = seen.get(name, 0) + 1
        names.append(name if seen[name] == 1 else f"{name}#{seen[name]}")
    return tuple(names)


def _with_newlines(blocks: Iterator[bytes]) -> Iterator[bytes]:
    """Files of old systems end their lines with a carriage return alone."""
    is_old: bool | None = None
    for block in blocks:
        if is_old is None:
            is_old = b"\r" in block and b"\n" not in block
        yield block.replace(b"\r", b"\n") if is_old else block


def _joined(buffer: bytes, records: Records, is_good: Array) -> bytes:
    """The good records of a buffer, one after the other."""
    if bool(is_good.all()):
        return buffer[: records.consumed]
    edges = np.flatnonzero(np.diff(is_good.astype(np.int8), prepend=0, append=0))
    runs = zip(edges[0::2], edges[1::2], strict=True)
    return b"".join(buffer[records.starts[first] : records.ends[last - 1]] + b"\n" for first, last in runs)


def _numbered(frame: pl.DataFrame, lines: Array) -> pl.DataFrame:
    return frame.with_columns(pl.Series(LINE, lines, dtype=pl.Int64)).with_row_index(ROW)


def _long_cell(record: ExactRecord) -> str:
    return LONG_CELL if any(len(field.encode()) > MAX_CELL_BYTES for field in record.fields) else ""


def _check_not_cut_off(*, is_cut_off: bool, line: int) -> None:
    if is_cut_off:
        raise RefusedFileError(f"truncated: the last line ({line}) is cut off")

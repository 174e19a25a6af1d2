"""Reads NDJSON and JSON documents: every leaf becomes text, nested values keep their shape."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

import polars as pl

from dagster_project.ingestion.mappings import FileFormat
from dagster_project.ingestion.readers.content import text_blocks
from dagster_project.ingestion.readers.json_scan import find_elements
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


@dataclass(frozen=True)
class _Text:
    """Original text of documents, one per row."""

    texts: Sequence[str]

    def take(self, rows: Sequence[int]) -> list[str]:
        """The documents with these numbers."""
        return [clip(self.texts[row]) for row in rows]


@dataclass(frozen=True)
class _Documents:
    """Some documents as text, each with the line it starts on."""

    texts: list[str]
    lines: list[int]


class _DocumentFile(SourceFile):
    """What NDJSON and JSON have in common: documents as text, read by Polars with a declared shape."""

    def __init__(self, needs: Needs) -> None:
        self._needs = needs
        self._columns: dict[str, None] = {}

    @property
    def columns(self) -> tuple[str, ...]:
        """Keys seen so far."""
        return tuple(self._columns)

    def _chunk(self, documents: _Documents) -> Chunk:
        if self._needs.names_unknown:
            self._find_keys(documents)
        shape = self._shape()
        bad: list[BadRecord] = []
        frame = _read(documents.texts, shape)
        if frame is None or frame.height != len(documents.texts) or _has_long_line(documents):
            documents, bad = _checked(documents, shape)
            frame = _read(documents.texts, shape)
        if frame is None or frame.height != len(documents.texts):
            raise RefusedFileError("unreadable: the file holds JSON that cannot be read as a table")
        for name in shape:
            if name not in self._columns and any(f'"{name}"' in text for text in documents.texts):
                self._columns[name] = None
        lines = pl.Series(LINE, documents.lines, dtype=pl.Int64)
        return Chunk(frame.with_columns(lines).with_row_index(ROW), _Text(documents.texts), tuple(bad))

    def _find_keys(self, documents: _Documents) -> None:
        for text in documents.texts:
            try:
                document = json.loads(text)
            except ValueError:
                continue
            if isinstance(document, dict):
                self._columns.update(dict.fromkeys(document))

    def _shape(self) -> dict[str, pl.DataType]:
        tree: dict[str, Any] = {}
        for path in (*self._needs.columns, *self._needs.explodes):
            node = tree
            for part in path.split("."):
                node = node.setdefault(part, {})
        if self._needs.keeps_unknown:
            for name in self._columns:
                tree.setdefault(name, {})
        return {name: _dtype(node, (name,), self._needs.explodes) for name, node in tree.items()}


class NdjsonFile(_DocumentFile):
    """A file with one JSON object per line."""

    def __init__(self, path: Path, layout: FileFormat, needs: Needs) -> None:
        """Prepare to read; nothing is known of the content yet."""
        super().__init__(needs)
        self._blocks = text_blocks(path, layout.encoding)

    def chunks(self) -> Iterator[Chunk]:
        """Read the rows, once; see `SourceFile.chunks`."""
        rest, line, is_empty = b"", 1, True
        for block in self._blocks:
            head, newline, tail = (rest + block).rpartition(b"\n")
            rest = tail
            if len(rest) > MAX_RECORD_BYTES:
                what = f"line {line} is longer than {MAX_RECORD_BYTES // 2**20} MiB"
                raise RefusedFileError(f"unreadable: {what}, so this is no NDJSON")
            if not newline:
                continue
            texts = head.decode().split("\n")
            yield self._chunk(_without_blank(texts, line=line))
            line, is_empty = line + len(texts), False
        last = _without_blank([rest.decode()], line=line)
        for text in last.texts:
            if not _is_document(text):
                raise RefusedFileError(f"truncated: the last line ({line}) is cut off")
            yield self._chunk(last)
        if is_empty and not last.texts:
            raise RefusedFileError("unreadable: the file is empty")


class JsonFile(_DocumentFile):
    """A file that is one JSON document holding a list of records."""

    def __init__(self, path: Path, layout: FileFormat, needs: Needs) -> None:
        """Prepare to read; nothing is known of the content yet."""
        super().__init__(needs)
        self._path, self._layout = path, layout

    def chunks(self) -> Iterator[Chunk]:
        """Read the rows, once; see `SourceFile.chunks`."""
        text = b"".join(text_blocks(self._path, self._layout.encoding)).decode()
        spans = find_elements(text, self._layout.records)
        texts = [text[start:end] for start, end in spans]
        lines: list[int] = []
        line, position = 1, 0
        for start, _ in spans:
            line += text.count("\n", position, start)
            position = start
            lines.append(line)
        yield self._chunk(_Documents(texts=texts, lines=lines))


def _without_blank(texts: list[str], *, line: int) -> _Documents:
    kept = [(text.removesuffix("\r"), line + index) for index, text in enumerate(texts) if text.strip()]
    return _Documents(texts=[text for text, _ in kept], lines=[number for _, number in kept])


def _dtype(node: dict[str, Any], path: tuple[str, ...], explodes: Sequence[str]) -> pl.DataType:
    fields = {name: _dtype(child, (*path, name), explodes) for name, child in node.items()}
    inner: pl.DataType = pl.Struct(fields) if fields else pl.String()
    return pl.List(inner) if ".".join(path) in explodes else inner


def _read(texts: Sequence[str], shape: dict[str, pl.DataType]) -> pl.DataFrame | None:
    """The documents as a frame, or None when one of them does not have the shape."""
    if not texts:
        return pl.DataFrame(schema=shape)
    try:
        data = "\n".join(text.replace("\n", " ") for text in texts).encode()
        return pl.read_ndjson(data, schema=shape)
    except (pl.exceptions.PolarsError, pl.exceptions.PanicException):
        return None


def _has_long_line(documents: _Documents) -> bool:
    return any(len(text) > MAX_CELL_BYTES for text in documents.texts)


def _is_document(text: str) -> bool:
    try:
        return isinstance(json.loads(text), dict)
    except ValueError:
        return False


def _checked(documents: _Documents, shape: dict[str, pl.DataType]) -> tuple[_Documents, list[BadRecord]]:
    """Separate the documents that have the shape from those that do not, one by one."""
    texts, lines, bad = [], [], []
    for text, line in zip(documents.texts, documents.lines, strict=True):
        problem = _problem(text, shape)
        if problem:
            bad.append(BadRecord(line=line, reason=problem, original_text=clip(text)))
        else:
            texts.append(text)
            lines.append(line)
    return _Documents(texts=texts, lines=lines), bad


def _problem(text: str, shape: dict[str, pl.DataType]) -> str:
    try:
        document = json.loads(text, parse_constant=_no_constant)
    except (ValueError, RecursionError):
        return "no valid JSON"
    if not isinstance(document, dict):
        return "no JSON object"
    for name, dtype in shape.items():
        if problem := _misfit(document.get(name), dtype, name):
            return problem
    return "" if _read([text], shape) is not None else "JSON that cannot be read as a row"


def _no_constant(name: str) -> None:
    raise ValueError(name)


def _misfit(value: Any, dtype: pl.DataType, path: str) -> str:
    """Why a value does not have the declared shape; empty when it does."""
    if value is None:
        return ""
    if isinstance(dtype, pl.List):
        if not isinstance(value, list):
            return f"{path} is no list"
        return next((found for one in value if (found := _misfit(one, _inner(dtype), path))), "")
    if isinstance(dtype, pl.Struct):
        if not isinstance(value, dict):
            return f"{path} is no object"
        parts = ((value.get(field.name), field.dtype, f"{path}.{field.name}") for field in dtype.fields)
        return next((found for one, kind, name in parts if (found := _misfit(one, _instance(kind), name))), "")
    return f"{path} is longer than {MAX_CELL_BYTES // 2**20} MiB" if _is_long(value) else ""


def _inner(dtype: pl.List) -> pl.DataType:
    return _instance(dtype.inner)


def _instance(dtype: Any) -> pl.DataType:
    return cast("pl.DataType", dtype() if isinstance(dtype, type) else dtype)


def _is_long(value: Any) -> bool:
    return isinstance(value, str) and len(value.encode("utf-8", "replace")) > MAX_CELL_BYTES

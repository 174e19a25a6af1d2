"""Finds records and fields in CSV bytes with array operations; says so when quoting is too irregular for that."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

NEWLINE, RETURN = 10, 13
_CACHED_BYTES = 2**18
Array = npt.NDArray[Any]


@dataclass(frozen=True)
class Dialect:
    """The two characters that give a CSV file its structure."""

    delimiter: int
    quote: int | None


@dataclass(frozen=True)
class Records:
    """Where the complete records of a buffer lie.

    Attributes:
        starts: First byte of each record.
        ends: Byte after its last one, line end not counted.
        lines: Physical line each record starts on, the buffer's first line being 0.
        fields: Number of fields.
        longest: Upper bound of the longest cell, in bytes.
        spans_lines: Whether the record holds a line end within quotes.
        consumed: Bytes that belong to complete records.
        line_count: Physical lines in them.
    """

    starts: Array
    ends: Array
    lines: Array
    fields: Array
    longest: Array
    spans_lines: Array
    consumed: int
    line_count: int


def find_records(buffer: bytes, dialect: Dialect, *, is_last: bool) -> Records | None:
    """Cut a buffer into records.

    Args:
        buffer: UTF-8 text that starts with a record.
        dialect: Delimiter and quote.
        is_last: Whether nothing follows, so that a record needs no line end.

    Returns:
        The records, or None when a quote stands where regular quoting has none.
    """
    data = np.frombuffer(buffer, dtype=np.uint8)
    marks = _positions(data, dialect)
    kinds = data[marks]
    is_end, is_delimiter = kinds == NEWLINE, kinds == dialect.delimiter
    newlines = marks[is_end]
    is_quote: Array = kinds == (NEWLINE if dialect.quote is None else dialect.quote)
    if dialect.quote is not None and is_quote.any():
        if not _is_regular(data, marks[is_quote], dialect, is_last=is_last):
            return None
        inside = np.bitwise_xor.accumulate(is_quote)
        is_end &= ~inside
        is_delimiter &= ~inside
    ends, delimiters_before = marks[is_end], np.cumsum(is_delimiter)[is_end]
    if is_last and len(data) and (not len(ends) or ends[-1] != len(data) - 1):
        ends = np.append(ends, len(data))
        delimiters_before = np.append(delimiters_before, np.count_nonzero(is_delimiter))
    return _records(data, ends=ends, newlines=newlines, fields=np.diff(delimiters_before, prepend=0) + 1)


def _positions(data: Array, dialect: Dialect) -> Array:
    """Where delimiters, quotes and line ends stand; searched in blocks that fit into the processor's cache."""
    found: list[Array] = [np.zeros(0, dtype=np.int64)]
    for offset in range(0, len(data), _CACHED_BYTES):
        block = data[offset : offset + _CACHED_BYTES]
        is_mark = (block == NEWLINE) | (block == dialect.delimiter)
        if dialect.quote is not None:
            is_mark |= block == dialect.quote
        found.append(np.flatnonzero(is_mark) + offset)
    return np.concatenate(found)


def _is_regular(data: Array, quotes: Array, dialect: Dialect, *, is_last: bool) -> bool:
    """Whether every opening quote starts a field, and every closing one ends it or is doubled."""
    if is_last and len(quotes) % 2:
        return False
    opening, closing = quotes[0::2], quotes[1::2]
    before = data[np.maximum(opening - 1, 0)]
    starts_field = (opening == 0) | (before == dialect.delimiter) | (before == NEWLINE)
    is_doubled = opening[1:] - 1 == closing[: len(opening) - 1]
    starts_field[1:] |= is_doubled
    after = data[np.minimum(closing + 1, len(data) - 1)]
    ends_field = (closing == len(data) - 1) | (after == dialect.delimiter) | (after == NEWLINE) | (after == RETURN)
    ends_field[: len(is_doubled)] |= is_doubled
    return bool(starts_field.all() and ends_field.all())


def _records(data: Array, *, ends: Array, newlines: Array, fields: Array) -> Records:
    starts = np.zeros_like(ends)
    starts[1:] = ends[:-1] + 1
    consumed = int(min(ends[-1] + 1, len(data))) if len(ends) else 0
    has_return = (ends > starts) & (data[np.maximum(ends - 1, 0)] == RETURN)
    lines = np.searchsorted(newlines, starts)
    return Records(
        starts=starts,
        ends=ends - has_return,
        lines=lines,
        fields=fields,
        longest=ends - starts,
        spans_lines=np.searchsorted(newlines, ends) > lines,
        consumed=consumed,
        line_count=int(np.searchsorted(newlines, consumed)),
    )

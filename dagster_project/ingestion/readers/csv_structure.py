"""Finds records and fields in CSV bytes with array operations, exactly, and says when quoting is too irregular for it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

NEWLINE, RETURN = 10, 13
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


@dataclass(frozen=True)
class Shape:
    """Where the records of a buffer end whose records seem to be all right.

    Attributes:
        ends: Line end after each record (or the end of the buffer).
        lines: Physical line each record starts on, the buffer's first line being 0.
        consumed: Bytes that belong to complete records.
        line_count: Physical lines in them.
    """

    ends: Array
    lines: Array
    consumed: int
    line_count: int


def quick_shape(buffer: bytes, dialect: Dialect, *, width: int, max_bytes: int, is_last: bool) -> Shape | None:
    """Look at a buffer cheaply: by counting, not by cutting.

    Args:
        buffer: UTF-8 text that starts with a record.
        dialect: Delimiter and quote.
        width: Number of fields a record should have.
        max_bytes: Longest record that needs no closer look.
        is_last: Whether nothing follows, so that a record needs no line end.

    Returns:
        The shape, if quoting is regular and the number of delimiters is what so many records of this width have
        together. A record with too many fields can still hide one with too few: the parser that cuts fields refuses
        the former. None when `find_records` must look closer.
    """
    data = np.frombuffer(buffer, dtype=np.uint8)
    newlines = np.flatnonzero(data == NEWLINE)
    quotes: Array = np.zeros(0, dtype=np.int64)
    if dialect.quote is not None and bytes([dialect.quote]) in buffer:
        quotes = np.flatnonzero(data == dialect.quote)
        if not _is_regular(data, quotes, dialect, is_last=is_last):
            return None
    ends = newlines[np.searchsorted(quotes, newlines) % 2 == 0] if len(quotes) else newlines
    consumed = int(ends[-1]) + 1 if len(ends) else 0
    if is_last and consumed < len(data):
        ends, consumed = np.append(ends, len(data)), len(data)
    delimiters = _count_outside(data[:consumed], quotes, dialect.delimiter)
    if not len(ends) or delimiters != len(ends) * (width - 1) or np.diff(ends, prepend=-1).min() <= 1:
        return None
    if np.diff(ends, prepend=-1).max() > max_bytes:
        return None
    lines: Array = np.arange(len(ends))
    if len(quotes) and len(newlines) >= len(ends):
        lines = np.searchsorted(newlines, np.append(0, ends[:-1] + 1))
    return Shape(ends=ends, lines=lines, consumed=consumed, line_count=int(np.searchsorted(newlines, consumed)))


def _count_outside(data: Array, quotes: Array, character: int) -> int:
    """How often a character stands outside of quotes."""
    if not len(quotes):
        return data.tobytes().count(character)
    found = np.flatnonzero(data == character)
    ranks = np.searchsorted(found, quotes)
    opening, closing = ranks[0::2], ranks[1::2]
    return len(found) - int((closing - opening[: len(closing)]).sum()) - (len(found) - int(opening[-1])) * (len(quotes) % 2)


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
    newlines = np.flatnonzero(data == NEWLINE)
    delimiters: Array = data == dialect.delimiter
    ends = newlines
    if dialect.quote is not None and bytes([dialect.quote]) in buffer:
        is_quote: Array = data == dialect.quote
        if not _is_regular(data, np.flatnonzero(is_quote), dialect, is_last=is_last):
            return None
        inside = np.bitwise_xor.accumulate(is_quote)
        ends = newlines[~inside[newlines]]
        delimiters &= ~inside
    if is_last and len(data) and (not len(ends) or ends[-1] != len(data) - 1):
        ends = np.append(ends, len(data))
    return _records(data, ends=ends, newlines=newlines, separators=np.flatnonzero(delimiters))


def _is_regular(data: Array, quotes: Array, dialect: Dialect, *, is_last: bool) -> bool:
    """Whether every opening quote starts a field, and every closing one ends it or is doubled."""
    if is_last and len(quotes) % 2:
        return False
    opening, closing = quotes[0::2], quotes[1::2]
    before = data[np.maximum(opening - 1, 0)]
    starts_field = (opening == 0) | (before == dialect.delimiter) | (before == NEWLINE) | (before == dialect.quote)
    after = data[np.minimum(closing + 1, len(data) - 1)]
    at_end = closing == len(data) - 1
    ends_field = (
        at_end | (after == dialect.delimiter) | (after == NEWLINE) | (after == RETURN) | (after == dialect.quote)
    )
    is_doubled = np.zeros(len(opening), dtype=bool)
    is_doubled[1:] = opening[1:] - 1 == closing[: len(opening) - 1]
    starts_field &= (before != dialect.quote) | is_doubled | (opening == 0)
    return bool(starts_field.all() and ends_field.all())


def _records(data: Array, *, ends: Array, newlines: Array, separators: Array) -> Records:
    starts = np.zeros_like(ends)
    starts[1:] = ends[:-1] + 1
    consumed = int(min(ends[-1] + 1, len(data))) if len(ends) else 0
    has_return = (ends > starts) & (data[np.maximum(ends - 1, 0)] == RETURN)
    lines = np.searchsorted(newlines, starts)
    return Records(
        starts=starts,
        ends=ends - has_return,
        lines=lines,
        fields=np.diff(np.searchsorted(separators, ends), prepend=0) + 1,
        longest=ends - starts,
        spans_lines=np.searchsorted(newlines, ends) > lines,
        consumed=consumed,
        line_count=int(np.searchsorted(newlines, consumed)),
    )

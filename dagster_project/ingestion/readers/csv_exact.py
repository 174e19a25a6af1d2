"""Cuts CSV text record by record where quoting is irregular, so that one stray quote costs one line, not the rest."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

from dagster_project.ingestion.readers.source import MAX_CELL_BYTES

OPEN_QUOTE = "a quote is opened and not closed"
AFTER_QUOTE = "text follows a closing quote"


@dataclass(frozen=True)
class ExactRecord:
    """One record, or one physical line that is none.

    Attributes:
        start: First character.
        end: Character after the last one, line end not counted.
        line: Physical line it starts on, the text's first line being 0.
        fields: Its values; empty when `problem` says why there are none.
        problem: What is wrong with its quoting or its number of fields.
    """

    start: int
    end: int
    line: int
    fields: tuple[str, ...]
    problem: str = ""


class ExactCutter:
    """Cuts one text into records.

    Args:
        text: Text that starts with a record.
        delimiter: Character between fields.
        quote: Character around fields, if the dialect has one.
        width: Number of fields a record should have.
        is_last: Whether nothing follows, so that a record needs no line end.
    """

    def __init__(self, text: str, *, delimiter: str, quote: str | None, width: int, is_last: bool) -> None:
        """Prepare; `records` does the work and leaves `consumed` and `line` behind."""
        self._text, self._quote, self._delimiter, self._width, self._is_last = text, quote, delimiter, width, is_last
        self._stop = re.compile(f"[{re.escape(delimiter)}\n]")
        self.consumed = 0
        self.line = 0

    def records(self) -> Iterator[ExactRecord]:
        """The complete records in order; blank lines are left out."""
        while self.consumed < len(self._text):
            record = self._next()
            if record is None:
                return
            lines = self._text.count("\n", record.start, record.end)
            self.consumed = self._text.find("\n", record.end) + 1 or len(self._text)
            self.line += lines + 1
            if record.fields or record.problem:
                yield record

    def _next(self) -> ExactRecord | None:
        """The record that starts where the last one ended; None when its end is not in the text yet."""
        position, problem = self.consumed, ""
        fields: list[str] = []
        while not problem:
            field, position, problem = self._field(position)
            fields.append(field)
            if position >= len(self._text) or self._text[position] == "\n":
                break
            position += 1
        if problem:
            return self._first_line(problem)
        if position >= len(self._text) and not self._is_last:
            return None
        return self._record(position, fields)

    def _record(self, end: int, fields: list[str]) -> ExactRecord | None:
        start = self.consumed
        end -= end > start and self._text[end - 1] == "\r"
        problem = "" if fields == [""] else width_problem(len(fields), self._width)
        if problem and self._text.find("\n", start, end) >= 0:
            return self._first_line(problem)
        found = () if fields == [""] else tuple(fields)
        return ExactRecord(start=start, end=end, line=self.line, fields=found, problem=problem)

    def _first_line(self, problem: str) -> ExactRecord | None:
        """Give up only the physical line a broken record starts on, so that what follows is read anew."""
        end = self._text.find("\n", self.consumed)
        if end < 0 and not self._is_last:
            return None
        end = end if end >= 0 else len(self._text)
        end -= end > self.consumed and self._text[end - 1] == "\r"
        return ExactRecord(start=self.consumed, end=end, line=self.line, fields=(), problem=problem)

    def _field(self, position: int) -> tuple[str, int, str]:
        if self._quote is None or self._text[position : position + 1] != self._quote:
            found = self._stop.search(self._text, position)
            end = found.start() if found else len(self._text)
            field = self._text[position:end]
            is_last = self._text[end : end + 1] != self._delimiter
            return field.removesuffix("\r") if is_last else field, end, ""
        close = self._closing(position + 1)
        if close < 0:
            return "", len(self._text), OPEN_QUOTE if self._is_last or self._is_too_long(position) else ""
        value = self._text[position + 1 : close].replace(self._quote * 2, self._quote)
        after = self._text[close + 1 : close + 3]
        if after[:1] in ("", "\n", self._delimiter):
            return value, close + 1, ""
        return (value, close + 2, "") if after in ("\r\n", "\r") else ("", close + 1, AFTER_QUOTE)

    def _closing(self, position: int) -> int:
        quote = self._quote or ""
        while (found := self._text.find(quote, position)) >= 0:
            if self._text[found + 1 : found + 2] != quote:
                return found
            position = found + 2
        return -1

    def _is_too_long(self, position: int) -> bool:
        return len(self._text) - position > MAX_CELL_BYTES


def width_problem(found: int, width: int) -> str:
    """The sentence for a record with the wrong number of fields; empty when it is right."""
    if found == width:
        return ""
    return f"too {'few' if found < width else 'many'} fields: {found} instead of {width}"

"""Finds where the elements of a list lie within the text of one JSON document, without losing their text."""

from __future__ import annotations

import json
import re

from dagster_project.ingestion.readers.source import RefusedFileError

_DECODER = json.JSONDecoder()
_SPACE = re.compile(r"[ \t\r\n]*")


def find_elements(text: str, path: str | None) -> list[tuple[int, int]]:
    """Start and end of each element of the list at a path.

    Args:
        text: One JSON document.
        path: Dotted path to the list; None when the document itself is the list (or the only record).

    Raises:
        RefusedFileError: The document is cut off, is no JSON or holds no list there.
    """
    try:
        position = _skip(text, 0)
        for key in path.split(".") if path else ():
            position = _value_of(text, position, key)
        if text[position : position + 1] == "{" and path is None:
            return [(position, _DECODER.raw_decode(text, position)[1])]
        if text[position : position + 1] != "[":
            raise RefusedFileError(f"unreadable: {path or 'the document'} is no list of records")
        return _elements(text, position)
    except (json.JSONDecodeError, StopIteration, RecursionError) as error:
        position = getattr(error, "pos", len(text))
        line = text.count("\n", 0, position) + 1
        if not text[position:].strip(' \t\r\n"') or not text.rstrip().endswith(("]", "}")):
            raise RefusedFileError(f"truncated: the JSON document ends in the middle, at line {line}") from error
        raise RefusedFileError(f"unreadable: no valid JSON at line {line}") from error


def _skip(text: str, position: int) -> int:
    found = _SPACE.match(text, position)
    return found.end() if found else position


def _elements(text: str, position: int) -> list[tuple[int, int]]:
    spans: list[tuple[int, int]] = []
    position = _skip(text, position + 1)
    if text[position : position + 1] == "]":
        return spans
    while True:
        _, end = _DECODER.raw_decode(text, position)
        spans.append((position, end))
        position = _skip(text, end)
        if text[position : position + 1] == "]":
            return spans
        position = _skip(text, _expect(text, position, ","))


def _value_of(text: str, position: int, key: str) -> int:
    """Where the value of a key of the object at a position starts."""
    if text[position : position + 1] != "{":
        raise RefusedFileError(f"unreadable: the JSON document holds no {key!r}, which the mapping reads records from")
    position = _skip(text, position + 1)
    while text[position : position + 1] != "}":
        _expect(text, position, '"')
        name, position = _DECODER.raw_decode(text, position)
        position = _skip(text, _expect(text, _skip(text, position), ":"))
        if name == key:
            return position
        position = _skip(text, _DECODER.raw_decode(text, position)[1])
        if text[position : position + 1] == ",":
            position = _skip(text, position + 1)
    raise RefusedFileError(f"unreadable: the JSON document holds no {key!r}, which the mapping reads records from")


def _expect(text: str, position: int, character: str) -> int:
    if text[position : position + 1] != character:
        raise json.JSONDecodeError(f"{character} expected", text, position)
    return position + 1

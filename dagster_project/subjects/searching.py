"""Searches files for the bytes of identifiers, however they are packed and encoded; changes none."""

from __future__ import annotations

import gzip
import html
import json
import zipfile
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO

import polars as pl

from dagster_project.subjects.identifiers import Identifier

CHUNK = 64 * 2**20
"""Bytes looked at at once; files may be larger than memory."""

_OVERLAP = 4096
_ENCODINGS = ("utf-8", "cp1252", "utf-16-le", "utf-16-be")
_NOT_BEFORE, _NOT_AFTER = frozenset("_.+@-"), frozenset("_@-")
_ESCAPED_BREAKS = (b"\\n", b"\\t", b"\\r")


@dataclass(frozen=True)
class Needle:
    """One way in which an identifier may be written to a file."""

    kind: str
    content: bytes
    encoding: str


@dataclass
class Hits:
    """What was found in one file.

    Args:
        kinds: Kinds of identifiers.
        lines: Line numbers (of text) or row numbers (of tables) from 1 on; of other files none.
    """

    kinds: set[str] = field(default_factory=set)
    lines: set[int] = field(default_factory=set)

    def __bool__(self) -> bool:
        """Whether anything was found."""
        return bool(self.kinds)


def needles_of(identifiers: Iterable[Identifier]) -> tuple[Needle, ...]:
    """All byte sequences to look for.

    Args:
        identifiers: Those that prove nothing are left out.
    """
    found: dict[tuple[bytes, str], Needle] = {}
    for one in identifiers:
        if one.is_searchable:
            for text in _writings(one.value):
                for encoding in _ENCODINGS:
                    _add(found, one.kind, text, encoding)
    return tuple(found.values())


def _writings(value: str) -> set[str]:
    """Cases of letters that bytes cannot fold, and what JSON, XML and CSV make of a text."""
    cases = {value.lower(), value.upper(), value}
    return {
        written
        for one in cases
        for written in (
            one,
            json.dumps(one)[1:-1],
            one.replace('"', '""'),
            html.escape(one),
            html.escape(one, quote=False),
        )
    }


def _add(found: dict[tuple[bytes, str], Needle], kind: str, text: str, encoding: str) -> None:
    try:
        content = text.encode(encoding).lower()
    except UnicodeEncodeError:
        return
    if encoding == "cp1252" and (content, "utf-8") in found:
        return
    found.setdefault((content, encoding), Needle(kind, content, encoding))


def search(path: Path, needles: Sequence[Needle]) -> Hits:
    """Look for identifiers in a file as it is and, if it is packed, in what it holds.

    Args:
        path: Any file.
        needles: What to look for.

    Raises:
        OSError: The file cannot be read.
    """
    hits = Hits()
    with path.open("rb") as file:
        start = file.read(4)
        file.seek(0)
        is_packed = start[:2] == b"\x1f\x8b" or start == b"PAR1" or start == b"PK\x03\x04"
        _search_stream(file, needles, hits, has_lines=not is_packed and start[:4] != b"DUCK")
    if is_packed:
        _search_packed(path, start, needles, hits)
    return hits


def _search_packed(path: Path, start: bytes, needles: Sequence[Needle], hits: Hits) -> None:
    if start == b"PAR1":
        _search_bytes(table_lines(pl.read_parquet(path)), needles, hits, first_line=1)
    elif start == b"PK\x03\x04":
        with zipfile.ZipFile(path) as archive:
            for name in archive.namelist():
                _search_bytes(archive.read(name), needles, hits, first_line=None)
    else:
        with gzip.open(path) as unpacked:
            _search_stream(unpacked, needles, hits, has_lines=True)  # type: ignore[arg-type]


def table_lines(frame: pl.DataFrame) -> bytes:
    """The texts of a table as UTF-8, one line per row."""
    texts = [pl.col(name).cast(pl.String).str.replace_all("\n", " ", literal=True) for name in frame.columns]
    if not texts:
        return b""
    joined = frame.select(pl.concat_str(texts, separator="\t", ignore_nulls=True).alias("line"))["line"]
    return "\n".join(joined.to_list()).encode()


def _search_stream(file: IO[bytes], needles: Sequence[Needle], hits: Hits, *, has_lines: bool) -> None:
    before, line = b"", 1
    while chunk := file.read(CHUNK):
        content = before + chunk
        _search_bytes(content, needles, hits, first_line=line if has_lines else None)
        before = content[-_OVERLAP:]
        line += content.count(b"\n", 0, len(content) - len(before)) if has_lines else 0


def _search_bytes(content: bytes, needles: Sequence[Needle], hits: Hits, *, first_line: int | None) -> None:
    lowered = content.lower()
    has_wide_letters = b"\0" in content
    for needle in needles:
        if needle.encoding.startswith("utf-16") and not has_wide_letters:
            continue
        for position in _positions(lowered, needle):
            hits.kinds.add(needle.kind)
            if first_line is not None:
                hits.lines.add(first_line + lowered.count(b"\n", 0, position))


def _positions(lowered: bytes, needle: Needle) -> Iterator[int]:
    """Where a needle stands as a word of its own."""
    position = lowered.find(needle.content)
    while position >= 0:
        end = position + len(needle.content)
        before = lowered[max(0, position - 4) : position]
        begins = before[-2:] in _ESCAPED_BREAKS or not _joins(before, needle.encoding, -1, _NOT_BEFORE)
        if begins and not _joins(lowered[end : end + 4], needle.encoding, 0, _NOT_AFTER):
            yield position
        position = lowered.find(needle.content, position + 1)


def _joins(neighbours: bytes, encoding: str, index: int, forbidden: frozenset[str]) -> bool:
    """Whether the neighbouring character makes the needle a part of a longer word."""
    text = neighbours.decode(encoding, errors="ignore")
    return bool(text) and (text[index].isalnum() or text[index] in forbidden)

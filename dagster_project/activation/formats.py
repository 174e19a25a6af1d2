"""Writes a frame as bytes: CSV in any dialect, Parquet, JSON lines; which columns a tool wants, a layout knows."""

from __future__ import annotations

import io
import re
import unicodedata
from collections.abc import Iterator
from dataclasses import fields, replace
from typing import Literal

import polars as pl
from pydantic import Field
from pydantic.dataclasses import dataclass

from dagster_project.activation.spreadsheet import neutralise
from dagster_project.ingestion.declarations import STRICT

Kind = Literal["csv", "parquet", "jsonl"]
Encoding = Literal["utf-8-sig", "utf-8", "cp1252"]

_QUOTE_STYLES: dict[str, Literal["always", "necessary", "non_numeric"]] = {
    "all": "always",
    "text": "non_numeric",
    "needed": "necessary",
}
_LINE_ENDS = {"lf": "\n", "crlf": "\r\n"}
WITHOUT_PARTS = (
    {"ł": "l", "Ł": "L", "đ": "d", "Đ": "D", "ħ": "h", "Ħ": "H", "ŋ": "n", "Ŋ": "N", "ŧ": "t", "Ŧ": "T", "ĸ": "k"}
    | {"ß": "ss", "ẞ": "SS", "æ": "ae", "Æ": "AE", "œ": "oe", "Œ": "OE", "ø": "o", "Ø": "O", "ð": "d", "þ": "th"}
    | {"\N{LATIN SMALL LETTER DOTLESS I}": "i", "\N{LATIN SMALL LETTER LONG S}": "s"}
    | {"\u2010": "-", "\u2011": "-", "\u2212": "-", "\u202f": " ", "\u2009": " "}
)
"""Letters that Unicode does not take apart into a plain one and a mark, and signs that look like a plain one."""
_NO_FORM = "?"
ROWS_AT_A_TIME = 50_000
"""So many rows become text together: a long list is never there as text twice."""


@dataclass(frozen=True, config=STRICT)
class Format:
    """How the bytes of a file are written; everything but `kind` is for CSV.

    Args:
        kind: CSV, Parquet or JSON lines.
        delimiter: Between two columns.
        encoding: `utf-8-sig` begins with a byte order mark, which spreadsheets need to read Umlauts.
        decimal_comma: 1,5 instead of 1.5.
        date_format: As of `strftime`.
        quoting: Which cells stand in quotes: all, those that are no numbers, or those that need it.
        line_end: What ends a line.
        is_spreadsheet_safe: Cells that a spreadsheet would run as a formula get an apostrophe. For people, not for
            machines: a dialler would take the apostrophe for a part of the number.
    """

    kind: Kind = "csv"
    delimiter: Literal[",", ";", "\t", "|"] = ","
    encoding: Encoding = "utf-8-sig"
    decimal_comma: bool = False
    date_format: str = Field(default="%Y-%m-%d", min_length=2)
    quoting: Literal["all", "text", "needed"] = "text"
    line_end: Literal["lf", "crlf"] = "lf"
    is_spreadsheet_safe: bool = True

    def __post_init__(self) -> None:
        """Refuse a dialect in which a number would fall apart."""
        if self.decimal_comma and self.delimiter == ",":
            raise ValueError("with decimal commas the delimiter cannot be a comma, too")


@dataclass(frozen=True, config=STRICT)
class FormatChanges:
    """What a destination wants otherwise than its layout; None leaves it as it is."""

    kind: Kind | None = None
    delimiter: Literal[",", ";", "\t", "|"] | None = None
    encoding: Encoding | None = None
    decimal_comma: bool | None = None
    date_format: str | None = Field(default=None, min_length=2)
    quoting: Literal["all", "text", "needed"] | None = None
    line_end: Literal["lf", "crlf"] | None = None
    is_spreadsheet_safe: bool | None = None

    def applied_to(self, form: Format) -> Format:
        """The format with these changes.

        Args:
            form: The format of the layout.

        Raises:
            ValueError: The two do not go together.
        """
        wanted = {field.name: getattr(self, field.name) for field in fields(self)}
        return replace(form, **{name: value for name, value in wanted.items() if value is not None})


@dataclass(frozen=True)
class Written:
    """The bytes of a file.

    Args:
        content: The bytes.
        replaced_count: Characters that the encoding does not know and that were written otherwise.
    """

    content: bytes
    replaced_count: int = 0


def write(frame: pl.DataFrame, form: Format) -> Written:
    """Write a frame, byte for byte the same for the same values.

    A character that cp1252 does not know is written as its letter without marks (Č becomes C, ł becomes l), one that
    has no Latin form as a question mark; both are counted. It shows in the file, and a letter to somebody with a plain
    C arrives, while a list that is refused for the sake of one name does not.

    Args:
        frame: The rows in their order.
        form: How to write them.
    """
    buffer, replaced_count = io.BytesIO(), 0
    if form.kind == "parquet":
        frame.write_parquet(buffer, compression="zstd", statistics=True)
    else:
        for block in blocks(frame, form):
            buffer.write(block.content)
            replaced_count += block.replaced_count
    return Written(buffer.getvalue(), replaced_count)


def blocks(frame: pl.DataFrame, form: Format) -> Iterator[Written]:
    """The file of `write` piece by piece, as CSV or JSON lines.

    Args:
        frame: The rows in their order.
        form: How to write them; not as Parquet.
    """
    for offset in range(0, max(frame.height, 1), ROWS_AT_A_TIME):
        rows = frame.slice(offset, ROWS_AT_A_TIME)
        yield Written(rows.write_ndjson().encode()) if form.kind == "jsonl" else _csv(rows, form, is_first=offset == 0)


def _csv(frame: pl.DataFrame, form: Format, *, is_first: bool) -> Written:
    # Composed before it is written: the composed form of some signs is one that has to stand in quotes.
    composed = frame.with_columns(pl.col(pl.String).str.normalize("NFC")) if form.encoding == "cp1252" else frame
    text = (neutralise(composed) if form.is_spreadsheet_safe else composed).write_csv(
        include_header=is_first,
        separator=form.delimiter,
        line_terminator=_LINE_ENDS[form.line_end],
        quote_style=_QUOTE_STYLES[form.quoting],
        date_format=form.date_format,
        decimal_comma=form.decimal_comma,
    )
    if form.encoding == "cp1252":
        return _in_cp1252(text)
    return Written(text.encode(form.encoding if is_first else "utf-8"))


def _in_cp1252(text: str) -> Written:
    unknown = {character: _plain(character) for character in set(text) if not _is_in_cp1252(character)}
    count = sum(text.count(character) for character in unknown)
    table = {ord(character): plain for character, plain in unknown.items()}
    return Written(text.translate(table).encode("cp1252"), replaced_count=count)


def _plain(character: str) -> str:
    """Letters, digits, spaces and hyphens only: a sign of another script must not become a delimiter or a quote."""
    plain = WITHOUT_PARTS.get(character) or re.sub(r"[\u0300-\u036f]", "", unicodedata.normalize("NFKD", character))
    is_harmless = plain and all(_is_in_cp1252(one) and (one.isalnum() or one in " -") for one in plain)
    return plain if is_harmless else _NO_FORM


def _is_in_cp1252(character: str) -> bool:
    try:
        character.encode("cp1252")
    except UnicodeEncodeError:
        return False
    return True

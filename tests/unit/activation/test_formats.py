"""The bytes of a file: dialects, encodings, and what is told of characters that have no place in one."""

from __future__ import annotations

import csv
import io
import json
from datetime import date
from decimal import Decimal
from typing import Any

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from dagster_project.activation import formats
from dagster_project.activation.formats import Format, FormatChanges, write

ROW = pl.DataFrame(
    {
        "name": ["Müller; „Söhne“"],
        "phone": ["+49301234567"],
        "score": [-1.5],
        "amount": [Decimal("2.50")],
        "count": [3],
        "day": [date(2025, 1, 2)],
        "tier": pl.Series([None], dtype=pl.String),
    }
)
GERMAN: dict[str, Any] = {"delimiter": ";", "encoding": "cp1252", "decimal_comma": True, "date_format": "%d.%m.%Y"}


def text(frame: pl.DataFrame, **settings: Any) -> str:
    form = Format(**settings)
    return write(frame, form).content.decode(form.encoding)


def test_the_default_is_what_a_spreadsheet_reads() -> None:
    content = write(ROW, Format()).content
    assert content.startswith(b"\xef\xbb\xbf")
    assert content.decode("utf-8-sig") == (
        '"name","phone","score","amount","count","day","tier"\n'
        '"Müller; „Söhne“","\'+49301234567",-1.5,2.50,3,"2025-01-02",\n'
    )


def test_a_german_dialect() -> None:
    assert text(ROW, **GERMAN, line_end="crlf", is_spreadsheet_safe=False) == (
        '"name";"phone";"score";"amount";"count";"day";"tier"\r\n'
        '"Müller; „Söhne“";"+49301234567";-1,5;2,50;3;"02.01.2025";\r\n'
    )


@pytest.mark.parametrize(
    ("quoting", "expected"),
    [("needed", 'plain,"a,b",1\n'), ("text", '"plain","a,b",1\n'), ("all", '"plain","a,b","1"\n')],
)
def test_quoting(quoting: str, expected: str) -> None:
    frame = pl.DataFrame({"a": ["plain"], "b": ["a,b"], "c": [1]})
    assert text(frame, quoting=quoting).partition("\n")[2] == expected


def test_json_lines_and_parquet_keep_values_as_they_are() -> None:
    line = json.loads(write(ROW, Format(kind="jsonl")).content)
    assert (line["phone"], line["day"], line["count"], line["tier"]) == ("+49301234567", "2025-01-02", 3, None)
    content = write(ROW, Format(kind="parquet")).content
    assert pl.read_parquet(content).equals(ROW)
    assert content == write(ROW, Format(kind="parquet")).content


@pytest.mark.parametrize(
    ("name", "written", "count"),
    [
        *(("Müller", "Müller", 0), ("Mu\u0308ller", "Müller", 0), ("Straße 5 €", "Straße 5 €", 0)),
        *(
            ("Dvořák", "Dvorák", 1),
            ("Łukasz", "Lukasz", 1),
            ("Ça\u011fr\u0131", "Çagri", 2),
            ("Ólafur Þór", "Ólafur Þór", 0),
        ),
        *(("Жук", "???", 3), ("A\u202fB", "A B", 1), ("ﬁn", "fin", 1), ("Ⅷ", "VIII", 1)),
    ],
)
def test_what_cp1252_does_not_know_is_written_plainly_and_counted(name: str, written: str, count: int) -> None:
    result = write(pl.DataFrame({"n": [name]}), Format(encoding="cp1252", quoting="needed"))
    assert result.content.decode("cp1252") == f"n\n{written}\n"
    assert result.replaced_count == count


@pytest.mark.parametrize("sign", ["\uff02", "\uff1b", "\u037e", "\uff0c", "\u2028", "\uff1d", "\u0000"])
def test_a_sign_of_another_script_does_not_break_the_columns(sign: str) -> None:
    frame = pl.DataFrame({"a": [f"x{sign}y"], "b": ["z"]})
    content = write(
        frame, Format(delimiter=";", encoding="cp1252", quoting="needed", is_spreadsheet_safe=False)
    ).content
    rows = list(csv.reader(io.StringIO(content.decode("cp1252"), newline=""), delimiter=";"))
    assert [len(row) for row in rows] == [2, 2]
    assert rows[1][1] == "z"


@given(st.lists(st.text(alphabet=st.characters(codec="utf-8", exclude_characters="\r\x00"), max_size=8), min_size=1))
def test_every_dialect_can_be_read_back(cells: list[str]) -> None:
    frame = pl.DataFrame({"a": cells, "b": ["end"] * len(cells)})
    for settings in (
        {"encoding": "utf-8"},
        {"encoding": "utf-8", "delimiter": ";", "quoting": "all"},
        {"delimiter": "\t"},
    ):
        form = Format(is_spreadsheet_safe=False, **settings)  # type: ignore[arg-type]
        content = write(frame, form).content.decode(form.encoding)
        rows = list(csv.reader(io.StringIO(content, newline=""), delimiter=form.delimiter))
        assert rows == [["a", "b"], *([cell, "end"] for cell in cells)]


@pytest.mark.parametrize(
    "form",
    [
        Format(),
        Format(kind="jsonl"),
        Format(encoding="cp1252", delimiter=";", decimal_comma=True, line_end="crlf", quoting="needed"),
    ],
    ids=["csv", "json lines", "csv of Windows"],
)
@pytest.mark.parametrize("rows", [0, 1, 5, 6])
def test_a_long_list_is_the_same_whole_or_in_pieces(form: Format, rows: int, monkeypatch: pytest.MonkeyPatch) -> None:
    cells = ["Čapek", "=1+1", 'say "so"', None, "ä;ö", ""][:rows]
    numbers = [1.5, -2.0, 1e21, None, 0.1, 3.0][:rows]
    frame = pl.DataFrame({"name": cells, "number": numbers}, schema={"name": pl.String, "number": pl.Float64})
    whole = write(frame, form)
    monkeypatch.setattr(formats, "ROWS_AT_A_TIME", 2)
    assert write(frame, form) == whole


def test_changes_apply_to_the_format_of_a_layout() -> None:
    assert FormatChanges(encoding="utf-8").applied_to(Format(**GERMAN)) == Format(**{**GERMAN, "encoding": "utf-8"})
    assert FormatChanges(is_spreadsheet_safe=False).applied_to(Format()) == Format(is_spreadsheet_safe=False)


def test_a_number_must_not_fall_apart() -> None:
    with pytest.raises(ValidationError, match="the delimiter cannot be a comma, too"):
        FormatChanges(decimal_comma=True).applied_to(Format())

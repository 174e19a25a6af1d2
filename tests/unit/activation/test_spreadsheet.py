"""Cells that a spreadsheet would run as a formula."""

from __future__ import annotations

from datetime import date
from decimal import Decimal

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from dagster_project.activation.spreadsheet import neutralise


def cell(text: str) -> str:
    return str(neutralise(pl.DataFrame({"a": [text], "b": ["fine"]}))["a"][0])


@pytest.mark.parametrize(
    "text",
    [
        *("=1+1", "+49 30 123", "-2", "@sum(a1)", "\t=1", "\r=1", "\n=1", "\tx", "  =1+1", "\u00a0=1", "\u200b=1"),
        *("\ufeff=1", "\uff1d1+1", "\uff0b1", "\uff0d1", "\uff20x", "'=1", "\x00=1"),
    ],
)
def test_a_formula_gets_an_apostrophe(text: str) -> None:
    assert cell(text).startswith("'")
    assert cell(text)[1:].replace("'", "") == text.replace("'", "", 1) if text[0] == "'" else text


@pytest.mark.parametrize(("text", "expected"), [("x;=1", "x;'=1"), ("x, -1", "x, '-1"), ("x\n@y", "x\n'@y")])
def test_a_formula_behind_another_languages_separator_too(text: str, expected: str) -> None:
    assert cell(text) == expected


@pytest.mark.parametrize("text", ["", "a=b", "Müller & Söhne", "a-b@example.org", "1,5", "Kauf vor 30 Tagen (+2)"])
def test_ordinary_text_stays(text: str) -> None:
    assert cell(text) == text


def test_numbers_dates_and_empty_cells_stay() -> None:
    frame = pl.DataFrame(
        {"n": [-1.5], "d": [date(2025, 1, 1)], "m": [Decimal("-2.50")], "t": pl.Series([None], dtype=pl.String)}
    )
    assert neutralise(frame).equals(frame)


@given(st.text(alphabet=st.characters(codec="utf-8"), min_size=1))
def test_no_cell_starts_as_a_formula(text: str) -> None:
    written = cell(text)
    assert written.lstrip(" \t\r\n\x00\u00a0\u200b\ufeff")[:1] not in {"=", "+", "-", "@"} or written == text == ""
    assert written[:1] not in {"\t", "\r", "=", "+", "-", "@"}

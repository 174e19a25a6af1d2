"""An identifier is found in whatever it is packed, however it is written, and nothing that only looks like it."""

from __future__ import annotations

import gzip
import json
import zipfile
from pathlib import Path

import polars as pl
import pytest

from dagster_project.subjects import searching
from dagster_project.subjects.identifiers import Identifier, sql_pattern
from dagster_project.subjects.searching import Hits, needles_of, search

EMAIL = Identifier("email", "anna@x.example")
NAME = Identifier("name", "Jörg Möller & Söhne")


def found(path: Path, content: bytes, *identifiers: Identifier) -> Hits:
    path.write_bytes(content)
    return search(path, needles_of(identifiers or (EMAIL, NAME)))


@pytest.mark.parametrize("encoding", ["utf-8", "cp1252", "utf-16", "utf-16-le", "utf-16-be"])
@pytest.mark.parametrize("text", ["a;ANNA@x.example;b", "a\n\u201eJÖRG MÖLLER & SÖHNE\u201d"])
def test_any_encoding_and_any_case_is_found(tmp_path: Path, encoding: str, text: str) -> None:
    assert found(tmp_path / "file", text.encode(encoding)).kinds


@pytest.mark.parametrize(
    "text",
    [
        "anna@x.example",
        "<anna@x.example>",
        "mailto:anna@x.example",
        '{"body": "Grüße\\nanna@x.example"}',
        "Schreiben Sie an anna@x.example.",
        "=anna@x.example",
    ],
)
def test_a_whole_address_is_found_wherever_it_stands(tmp_path: Path, text: str) -> None:
    assert found(tmp_path / "file", text.encode(), EMAIL).kinds == {"email"}


@pytest.mark.parametrize(
    "text", ["hanna@x.example", "b.anna@x.example", "anna@x.examples", "anna@x.example-shop", "ananna@x"]
)
def test_a_part_of_a_longer_address_is_not(tmp_path: Path, text: str) -> None:
    assert not found(tmp_path / "file", text.encode(), EMAIL)


def test_the_sql_pattern_and_the_bytes_agree(tmp_path: Path) -> None:
    import duckdb

    pattern = sql_pattern([EMAIL, NAME])
    texts = [
        "anna@x.example",
        "hanna@x.example",
        "(ANNA@X.EXAMPLE)",
        "anna@x.examples",
        "Jörg Möller & Söhne!",
        "xJörg Möller & Söhne",
    ]
    for text in texts:
        row = duckdb.execute("select regexp_matches($1, $2)", [text, pattern]).fetchone()
        assert row == (bool(found(tmp_path / "file", text.encode())),), text


def test_lines_are_told_from_one_on(tmp_path: Path) -> None:
    assert found(tmp_path / "file", b"a\nanna@x.example\nb\nanna@x.example").lines == {2, 4}


@pytest.mark.parametrize(
    "text", ['{"name": "J\\u00f6rg M\\u00f6ller & S\\u00f6hne"}', "<t>Jörg Möller &amp; Söhne</t>"]
)
def test_what_json_and_xml_make_of_a_text_is_found(tmp_path: Path, text: str) -> None:
    assert found(tmp_path / "file", text.encode()).kinds == {"name"}


def test_packed_files_are_opened(tmp_path: Path) -> None:
    packed = found(tmp_path / "a.gz", gzip.compress(b"1\n2\nanna@x.example"))
    assert (packed.kinds, packed.lines) == ({"email"}, {3})
    with zipfile.ZipFile(tmp_path / "book.xlsx", "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("xl/sharedStrings.xml", "<t>anna@x.example</t>")
    assert search(tmp_path / "book.xlsx", needles_of([EMAIL])).kinds == {"email"}


def test_rows_of_a_parquet_file_are_told(tmp_path: Path) -> None:
    frame = pl.DataFrame({"n": [1, 2, 3], "text": ["a\nb", "anna@x.example", None]})
    frame.write_parquet(tmp_path / "t.parquet", compression="zstd")
    assert search(tmp_path / "t.parquet", needles_of([EMAIL])).lines == {2}


def test_an_identifier_across_two_chunks_is_found_on_its_line(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(searching, "CHUNK", 5_000)
    content = b"\n".join([b"x" * 99] * 49) + b"\n" + b"y" * 95 + b" anna@x.example\n" + b"z" * 20_000
    assert found(tmp_path / "file", content, EMAIL).lines == {50}


@pytest.mark.parametrize(
    ("identifier", "is_searched"),
    [
        (Identifier("id", "1234567"), False),
        (Identifier("id", "12345678"), True),
        (Identifier("phone", "+49 30 12"), False),
        (Identifier("phone", "+49 30 1234"), True),
        (Identifier("name", "Li X"), False),
        (Identifier("name", "Li Xu"), True),
        (Identifier("street", "12345"), False),
        (Identifier("email", "a@b"), True),
    ],
)
def test_what_proves_nobody_is_not_searched_for(identifier: Identifier, is_searched: bool) -> None:
    assert identifier.is_searchable is is_searched
    assert bool(needles_of([identifier])) is is_searched


def test_a_quoted_name_is_found_in_csv_and_json(tmp_path: Path) -> None:
    name = Identifier("name", 'Café "Zur Post"')
    assert found(tmp_path / "a", '"Café ""Zur Post"""'.encode(), name)
    assert found(tmp_path / "b", json.dumps({"n": name.value}).encode(), name)

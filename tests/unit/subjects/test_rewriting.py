"""Rewritten files lose exactly the subject's records: quoted breaks, encodings, packed files, manifests."""

from __future__ import annotations

import gzip
import json
from pathlib import Path

import polars as pl
import pytest

from dagster_project.activation.document import MANIFEST, sha256
from dagster_project.subjects.holdings import FileHeld
from dagster_project.subjects.rewriting import bad_rows_of, clean, mend_manifests, sweep


def cleaned(path: Path, *lines: int) -> dict[Path, int]:
    return clean([FileHeld("exports", path, ("email",), lines)])


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "cp1252", "utf-16"])
def test_a_record_with_a_break_in_a_cell_goes_whole(tmp_path: Path, encoding: str) -> None:
    path = tmp_path / "list.csv"
    path.write_bytes('name,text\r\nÄnne,"a\r\nb"\r\nBo,c\r\n'.encode(encoding))
    assert cleaned(path, 3) == {path: 1}
    assert path.read_bytes() == "name,text\r\nBo,c\r\n".encode(encoding)


def test_lines_of_json_are_records_whatever_they_quote(tmp_path: Path) -> None:
    path = tmp_path / "list.jsonl"
    path.write_text('{"a": "\\""}\n{"a": "x"}\n{"a": "y"}')
    assert cleaned(path, 2) == {path: 1}
    assert path.read_text() == '{"a": "\\""}\n{"a": "y"}'


def test_packed_text_stays_packed(tmp_path: Path) -> None:
    path = tmp_path / "list.csv.gz"
    path.write_bytes(gzip.compress(b"a\nb\nc\n"))
    cleaned(path, 2)
    assert gzip.decompress(path.read_bytes()) == b"a\nc\n"


def test_rows_of_a_table_go_and_columns_stay(tmp_path: Path) -> None:
    path = tmp_path / "members.parquet"
    pl.DataFrame({"a": [1, 2], "b": ["x", "y"]}).write_parquet(path)
    assert cleaned(path, 1) == {path: 1}
    assert pl.read_parquet(path).rows() == [(2, "y")]


def test_what_cannot_be_rewritten_stays_and_is_not_claimed(tmp_path: Path) -> None:
    path = tmp_path / "list.csv.pgp"
    path.write_bytes(b"secret")
    assert cleaned(path, 1) == {}
    assert path.read_bytes() == b"secret"


def test_landing_files_are_never_touched(tmp_path: Path) -> None:
    path = tmp_path / "orders.csv"
    path.write_text("a\nb\n")
    assert clean([FileHeld("landing", path, ("email",), (1,))]) == {}
    assert path.read_text() == "a\nb\n"


def test_an_empty_quarantine_file_goes_and_its_lines_are_counted_once(tmp_path: Path) -> None:
    path = tmp_path / "quarantine" / "shop" / "orders" / "b1.parquet"
    path.parent.mkdir(parents=True)
    bad = {"line": [7, 7, 9], "column_name": ["x", "y", "x"], "original_text": ["a", "a", "b"]}
    pl.DataFrame(bad).write_parquet(path)
    held = FileHeld("quarantine", path, ("email",), (1, 2, 3))
    (counted,) = bad_rows_of([held])
    assert (counted.batch_id, counted.lines, counted.by_column) == ("b1", 2, {"x": 2, "y": 1})
    clean([held])
    assert not path.exists()


def test_a_manifest_tells_what_lies_there_and_that_it_was_redacted(tmp_path: Path) -> None:
    path = tmp_path / "members.csv"
    path.write_text("key\na\nb\n")
    before = {"sha256": sha256(path.read_bytes()), "bytes": 8, "rows": 2}
    (tmp_path / MANIFEST).write_text(json.dumps({"counts": {"members": 2}, "files": {"members.csv": before}}))
    cleaned(path, 2)

    mend_manifests([tmp_path])
    first = (tmp_path / MANIFEST).read_bytes()
    mend_manifests([tmp_path])

    manifest = json.loads(first)
    assert manifest["files"]["members.csv"] == {"sha256": sha256(b"key\nb\n"), "bytes": 6, "rows": 1}
    assert manifest["redacted"] == {"rows": {"members.csv": 1}}
    assert manifest["counts"] == {"members": 2}, "what was said on a night stays"
    assert (tmp_path / MANIFEST).read_bytes() == first


def test_half_written_files_of_a_killed_erasure_go(tmp_path: Path) -> None:
    (tmp_path / "a").mkdir()
    (tmp_path / "a" / ".without-list.csv").touch()
    sweep([tmp_path, tmp_path / "missing"])
    assert list((tmp_path / "a").iterdir()) == []

"""Rows that do not fit into memory: written, deduplicated and loaded as if they did."""

from __future__ import annotations

from pathlib import Path

import polars as pl
import pytest

from dagster_project.ingestion import repeats, row_store
from dagster_project.ingestion.readers import content
from dagster_project.ingestion.row_store import RowStore
from tests.unit.ingestion.company import SALES_CSV, Company

SCHEMA = {"key": pl.String(), "value": pl.Int64(), "_line": pl.Int64()}


def store(folder: Path) -> RowStore:
    rows = RowStore(folder, SCHEMA)
    rows.add(pl.DataFrame({"key": ["a", "b", "a"], "value": [1, 1, 2], "_line": [1, 2, 3]}, schema=SCHEMA))
    rows.add(pl.DataFrame({"key": ["a", "c", "a"], "value": [1, 1, 3], "_line": [4, 5, 6]}, schema=SCHEMA))
    return rows


@pytest.mark.parametrize("limit", [2**30, 1])
def test_exact_duplicates_are_dropped_across_parts(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, limit: int) -> None:
    monkeypatch.setattr(row_store, "SPILL_BYTES", limit)
    rows = store(tmp_path / "spill")
    assert rows.is_spilled == (limit == 1)
    assert rows.drop_duplicates(["key"]) == 1
    assert rows.height == 5
    assert pl.concat(rows.frames())["_line"].to_list() == [1, 2, 3, 5, 6]
    assert pl.concat([pl.read_parquet(path) for path in rows.files()])["_line"].to_list() == [1, 2, 3, 5, 6]
    rows.close()
    assert not list((tmp_path / "spill").iterdir())


def test_an_empty_store_has_its_columns(tmp_path: Path) -> None:
    rows = RowStore(tmp_path, SCHEMA)
    assert rows.height == 0
    assert rows.scan().collect().schema == SCHEMA
    assert list(rows.frames()) == []


def test_a_spilled_batch_loads_like_any_other(company: Company, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(row_store, "SPILL_BYTES", 2000)
    monkeypatch.setattr(content, "BLOCK_BYTES", 300)
    company.mapping(SALES_CSV)
    company.deliver(
        "sales_20240101.csv", "id,amount\n" + "".join(f"{n % 150},{n % 150}\n" for n in range(200)) + "9,x\n"
    )
    result = company.ingest_one()
    assert (result.loaded_rows, result.duplicate_rows, result.quarantined_rows) == (150, 50, 1)
    assert company.column("_line") == list(range(2, 152))
    assert company.query("select count(distinct _batch_id) from raw.sales") == [1]
    assert not [path for path in company.settings.spill_dir.rglob("*") if path.is_file()]


@pytest.mark.parametrize("at_a_time", [1, 7, 10**6])
def test_duplicates_are_found_a_bounded_number_at_a_time(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, at_a_time: int
) -> None:
    monkeypatch.setattr(row_store, "SPILL_BYTES", 1)
    monkeypatch.setattr(repeats, "HASHES_AT_A_TIME", at_a_time)
    monkeypatch.setattr(repeats, "ROWS_AT_A_TIME", at_a_time)
    rows, expected, seen = RowStore(tmp_path, SCHEMA), list[int](), set[tuple[str | None, int]]()
    for part in range(20):
        lines = range(part * 10, part * 10 + 10)
        values = [(None if line % 11 == 3 else f"key {line % 23}", line % 3) for line in lines]
        keys, numbers = zip(*values, strict=True)
        rows.add(pl.DataFrame({"key": keys, "value": numbers, "_line": list(lines)}, schema=SCHEMA))
        for line, value in zip(lines, values, strict=True):
            if value not in seen:
                expected.append(line)
            seen.add(value)
    assert rows.drop_duplicates(["key"]) == 200 - len(expected)
    assert pl.concat(rows.frames())["_line"].to_list() == expected
    assert rows.null_counts["key"] == sum(key is None for key, _ in seen)


def test_more_bad_rows_than_memory_are_all_kept(company: Company, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(row_store, "SPILL_BYTES", 1)
    monkeypatch.setattr(content, "BLOCK_BYTES", 300)
    company.mapping(SALES_CSV)
    lines = [f"{number},{'x' if number % 2 else number}" for number in range(200)]
    company.deliver("sales_20240101.csv", "id,amount\n" + "\n".join(lines) + "\n")
    result = company.ingest_one()
    assert (result.status, result.quarantined_rows) == ("loaded", 100)
    assert [text for _, _, _, text in company.bad_rows()] == lines[1::2]
    assert not [path for path in company.settings.spill_dir.rglob("*") if path.is_file()]

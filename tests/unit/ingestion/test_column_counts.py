"""The journal of columns: how full and how sound each column of a loaded batch was, written and taken back with it."""

from __future__ import annotations

import pytest

from dagster_project.ingestion import row_store
from dagster_project.ingestion.readers import content
from tests.unit.ingestion.company import SALES_CSV, Company

COUNTS = "select column_name, is_required, is_key, null_count, bad_count from journal.batch_columns order by all"
FILE = "id,amount\n1,1.50\n2,\n3,x\n,4\n2,\n5,\n"


@pytest.fixture
def shop(company: Company) -> Company:
    """A shop that delivers two columns of the feed."""
    company.mapping(SALES_CSV)
    return company


def test_each_mapped_column_has_its_empty_and_bad_values_counted(shop: Company) -> None:
    shop.deliver("sales_20240101.csv", FILE)
    result = shop.ingest_one()
    assert (result.loaded_rows, result.quarantined_rows, result.duplicate_rows) == (3, 2, 1)
    assert shop.query(COUNTS) == [("amount", False, False, 2, 1), ("sale_id", True, True, 0, 1)]
    assert shop.query("select distinct batch_id from journal.batch_columns") == [result.batch_id]


def test_spilled_rows_are_counted_like_any_other(shop: Company, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(row_store, "SPILL_BYTES", 1)
    monkeypatch.setattr(content, "BLOCK_BYTES", 10)
    shop.deliver("sales_20240101.csv", FILE)
    shop.ingest()
    assert shop.query(COUNTS) == [("amount", False, False, 2, 1), ("sale_id", True, True, 0, 1)]


def test_a_batch_delivered_anew_replaces_its_counts_and_a_refused_one_has_none(shop: Company) -> None:
    shop.deliver("sales_20240101.csv", FILE)
    shop.ingest()
    shop.deliver("sales_20240101.csv", "id,amount\n1,1\n")
    shop.deliver("sales_20240102.csv", "id,amount\n1,1\n3")
    assert {result.status for result in shop.ingest()} == {"loaded", "refused"}
    assert shop.query(COUNTS) == [("amount", False, False, 0, 0), ("sale_id", True, True, 0, 0)]


def test_a_batch_without_a_mapping_loses_its_counts(shop: Company) -> None:
    shop.deliver("sales_20240101.csv", FILE)
    shop.ingest()
    shop.mapping(SALES_CSV.replace("sales_{date", "other_{date"))
    assert [result.status for result in shop.ingest()] == ["withdrawn"]
    assert shop.query(COUNTS) == []

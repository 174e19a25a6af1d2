"""Late, re-sent, superseded and duplicate files: the same rows whatever the order they came in."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from datetime import date
from pathlib import Path
from typing import Any

import pytest

from dagster_project.errors import CrmError
from dagster_project.ingestion import loading
from tests.unit.ingestion.company import CUSTOMERS, CUSTOMERS_CSV, DAY, SALES, SALES_CSV, Company

FIRST = "id,amount\n1,1.50\n2,2\n"
SECOND = "id,amount\n2,5\n3,3\n"


@pytest.fixture
def shop(company: Company) -> Company:
    """A shop that delivers sales and customers as CSV."""
    company.mapping(SALES_CSV, name="sales")
    company.mapping(CUSTOMERS_CSV, name="customers")
    return company


def statuses(shop: Company, as_of: date = DAY) -> list[str]:
    return [result.status for result in shop.ingest(as_of)]


def test_rows_are_typed_and_carry_their_origin(shop: Company) -> None:
    shop.deliver("sales_20240101.csv", FIRST)
    result = shop.ingest_one()
    assert (result.status, result.delivered_rows, result.loaded_rows) == ("loaded", 2, 2)
    rows = shop.query(
        "select sale_id, cast(amount as varchar), source_system, _batch_id, _batch_date, _file, _line, _extra "
        "from raw.sales order by _line"
    )
    origin = ("shop", result.batch_id, date(2024, 1, 1), "sales_20240101.csv")
    assert rows == [("1", "1.5000", *origin, 2, None), ("2", "2.0000", *origin, 3, None)]


def test_every_contract_has_a_table_and_the_date_of_the_run_is_kept(shop: Company) -> None:
    shop.deliver("sales_20240101.csv", FIRST)
    shop.ingest()
    assert shop.query("select count(*) from raw.customers") == [0]
    assert shop.query("select as_of_date from raw.runs") == [DAY]
    shop.ingest(date(2024, 2, 1))
    assert shop.query("select as_of_date from raw.runs") == [date(2024, 2, 1)]


def test_a_known_file_is_skipped_and_said_so(shop: Company) -> None:
    shop.deliver("sales_20240101.csv", FIRST)
    assert statuses(shop) == ["loaded"]
    before = shop.table()
    assert statuses(shop) == ["unchanged"]
    assert shop.table() == before


def test_files_of_later_dates_wait(shop: Company) -> None:
    shop.deliver("sales_20240101.csv", FIRST)
    shop.deliver("sales_20240105.csv", SECOND)
    assert statuses(shop, date(2024, 1, 4)) == ["loaded"]
    assert statuses(shop, date(2024, 1, 5)) == ["unchanged", "loaded"]


def test_a_date_before_the_first_file_names_that_date_and_writes_nothing(shop: Company) -> None:
    shop.deliver("sales_20240105.csv", FIRST)
    with pytest.raises(CrmError, match="2024-01-05"):
        shop.ingest(date(2024, 1, 4))


def test_a_landing_folder_without_files_is_an_empty_warehouse(shop: Company) -> None:
    assert shop.ingest() == ()
    assert shop.query("select count(*) from raw.sales") == [0]


def test_new_content_under_a_path_replaces_the_batch(shop: Company) -> None:
    shop.deliver("sales_20240101.csv", FIRST)
    shop.ingest()
    shop.deliver("sales_20240101.csv", SECOND)
    assert statuses(shop) == ["loaded"]
    assert shop.column("sale_id") == ["2", "3"]
    assert shop.query("select count(*) from journal.batches") == [1]


def test_refused_new_content_leaves_the_last_good_rows(shop: Company) -> None:
    shop.deliver("sales_20240101.csv", FIRST)
    shop.ingest()
    shop.deliver("sales_20240101.csv", "id,amount\n1,2\n3")
    assert statuses(shop) == ["refused"]
    assert shop.column("sale_id") == ["1", "2"]
    assert sorted(shop.query("select status from journal.batches")) == ["loaded", "refused"]
    assert shop.query("select count(distinct batch_id) from journal.batches") == [2]
    assert statuses(shop) == ["unchanged"]
    shop.deliver("sales_20240101.csv", SECOND)
    assert statuses(shop) == ["loaded"]
    assert shop.query("select status from journal.batches") == ["loaded"]


def test_the_same_content_under_another_path_is_loaded_once(shop: Company) -> None:
    shop.deliver("sales_20240101.csv", FIRST)
    shop.deliver("sales_20240103_resent.csv", FIRST)
    assert statuses(shop) == ["loaded", "duplicate"]
    assert shop.column("_file") == ["sales_20240101.csv"] * 2
    assert statuses(shop) == ["unchanged", "unchanged"]


def test_a_late_earlier_copy_takes_the_place_of_the_later_one(shop: Company) -> None:
    shop.deliver("sales_20240103.csv", FIRST)
    shop.ingest()
    shop.deliver("sales_20240101.csv", FIRST)
    assert statuses(shop) == ["loaded", "duplicate"]
    assert set(shop.column("_file")) == {"sales_20240101.csv"}


def test_a_copy_is_loaded_when_the_first_one_gets_other_content(shop: Company) -> None:
    shop.deliver("sales_20240101.csv", FIRST)
    shop.deliver("sales_20240103.csv", FIRST)
    shop.ingest()
    shop.deliver("sales_20240101.csv", SECOND)
    assert statuses(shop) == ["loaded", "loaded"]
    assert sorted(shop.column("sale_id")) == ["1", "2", "2", "3"]


def test_an_identical_full_snapshot_is_a_batch_of_its_own(shop: Company) -> None:
    shop.deliver("customers_20240101.csv", "id,name\n1,a\n")
    shop.deliver("customers_20240102.csv", "id,name\n1,a\n")
    assert statuses(shop) == ["loaded", "loaded"]
    assert shop.query("select count(*) from raw.customers") == [2]


def test_exact_duplicates_within_a_batch_are_dropped_and_counted(shop: Company) -> None:
    shop.deliver("sales_20240101.csv", "id,amount\n1,1\n1,2\n1,1.0\n2,1\n1,1\n")
    result = shop.ingest_one()
    assert (result.delivered_rows, result.loaded_rows, result.duplicate_rows) == (5, 3, 2)
    assert shop.column("_line") == [2, 3, 5]


def test_the_order_of_arrival_does_not_matter(tmp_path: Path) -> None:
    files = {
        "sales_20240101.csv": FIRST,
        "sales_20240102.csv": SECOND,
        "sales_20240103.csv": FIRST,
        "customers_20240101.csv": "id,name\n" + "".join(f"{n},x\n" for n in range(20)),
        "customers_20240102.csv": "id,name\n" + "".join(f"{n},x\n" for n in range(5)),
        "customers_20240103.csv": "id,name\n" + "".join(f"{n},x\n" for n in range(9)),
    }
    orders = [*itertools.islice(itertools.permutations(files), 0, 720, 80), tuple(reversed(files))]
    assert len({str(state) for state in _states(tmp_path, files, orders)}) == 1


def _states(root: Path, files: dict[str, str], orders: list[tuple[str, ...]]) -> Iterator[list[Any]]:
    for index, order in enumerate(orders):
        company = Company(root / str(index))
        company.contract(SALES)
        company.contract(CUSTOMERS)
        company.mapping(SALES_CSV, name="sales")
        company.mapping(CUSTOMERS_CSV, name="customers")
        for cut in (order[:2], order[2:]):
            for file in cut:
                company.deliver(file, files[file])
            company.ingest()
        yield company.table()


def test_a_changed_mapping_reloads_and_a_changed_description_does_not(shop: Company) -> None:
    shop.deliver("sales_20240101.csv", FIRST)
    shop.ingest()
    shop.mapping(SALES_CSV + 'description: "Other words"\n', name="sales")
    assert statuses(shop) == ["unchanged"]
    shop.mapping(SALES_CSV.replace("amount: amount", "amount: amount, state: {constant: paid}"), name="sales")
    assert statuses(shop) == ["loaded"]
    assert shop.column("state") == ["paid", "paid"]


def test_renaming_a_mapping_reloads_nothing(shop: Company) -> None:
    shop.deliver("sales_20240101.csv", FIRST)
    shop.ingest()
    (shop.root / "sources/shop/sales.yml").rename(shop.root / "sources/shop/renamed.yml")
    assert statuses(shop) == ["unchanged"]


def test_a_changed_type_rebuilds_the_table_and_reloads(shop: Company) -> None:
    shop.deliver("sales_20240101.csv", FIRST)
    shop.ingest()
    shop.contract(SALES.replace("amount: {type: decimal", "amount: {type: number"))
    assert statuses(shop) == ["loaded"]
    assert shop.column("amount") == [1.5, 2.0]
    assert shop.query("select data_type from duckdb_columns() where column_name = 'amount'") == ["DOUBLE"]


def test_rows_of_expired_files_stay_and_are_carried_into_a_new_type(shop: Company) -> None:
    path = shop.deliver("sales_20240101.csv", FIRST)
    shop.ingest()
    path.unlink()
    assert statuses(shop) == []
    shop.contract(SALES.replace("amount: {type: decimal", "amount: {type: number"))
    assert statuses(shop) == []
    assert shop.column("amount") == [1.5, 2.0]


def test_a_type_that_expired_values_do_not_fit_is_refused(shop: Company) -> None:
    path = shop.deliver("sales_20240101.csv", "id,amount\nA,1\n")
    shop.ingest()
    path.unlink()
    shop.contract(SALES.replace("sale_id: {type: string", "sale_id: {type: integer"))
    with pytest.raises(CrmError, match="1 loaded values do not fit"):
        shop.ingest()
    assert shop.column("sale_id") == ["A"]


def test_an_expired_file_still_counts_as_the_first_copy(shop: Company) -> None:
    path = shop.deliver("sales_20240101.csv", FIRST)
    shop.ingest()
    path.unlink()
    shop.deliver("sales_20240103.csv", FIRST)
    assert statuses(shop) == ["duplicate"]


def test_rows_of_a_file_that_no_mapping_takes_any_more_are_withdrawn(shop: Company) -> None:
    shop.deliver("sales_20240101.csv", FIRST)
    shop.deliver("sales_20240102_test.csv", SECOND)
    shop.ingest()
    shop.mapping(SALES_CSV.replace("}*.csv*", "}.csv*"), name="sales")
    assert statuses(shop) == ["loaded", "withdrawn"]
    assert set(shop.column("_file")) == {"sales_20240101.csv"}
    assert shop.query("select count(*) from journal.batches") == [1]


def test_only_the_wanted_feeds_are_loaded(shop: Company) -> None:
    shop.deliver("sales_20240101.csv", FIRST)
    shop.deliver("customers_20240101.csv", "id,name\n1,a\n")
    assert [result.feed for result in shop.ingest(feeds=["sales"])] == ["sales"]
    assert shop.query("select count(*) from raw.customers") == [0]


def test_hidden_and_half_uploaded_files_are_left_alone(shop: Company) -> None:
    shop.mapping(SALES_CSV.replace('"sales_{date:%Y%m%d}*.csv*"', '"*sales_{date:%Y%m%d}*"'), name="sales")
    shop.deliver(".sales_20240101.csv", FIRST)
    shop.deliver("sales_20240101.csv.part", FIRST)
    assert statuses(shop) == []


@pytest.mark.parametrize("moment", ["insert_rows", "record", "forget"])
def test_a_killed_run_leaves_no_half_batch(shop: Company, monkeypatch: pytest.MonkeyPatch, moment: str) -> None:
    shop.deliver("sales_20240101.csv", FIRST)
    shop.ingest()
    shop.deliver("sales_20240101.csv", "id,amount\n2,5\n3,x\n4,4\n")
    before = shop.table()

    def killed(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(loading, moment, killed)
        with pytest.raises(KeyboardInterrupt):
            shop.ingest()
    assert shop.table() == before
    assert statuses(shop) == ["loaded"]
    assert shop.column("sale_id") == ["2", "4"]


def test_a_row_too_many_or_too_few_is_never_committed(shop: Company, monkeypatch: pytest.MonkeyPatch) -> None:
    shop.deliver("sales_20240101.csv", FIRST)
    monkeypatch.setattr(loading, "insert_rows", lambda *_: 1)
    with pytest.raises(RuntimeError, match="row balance"):
        shop.ingest()
    assert shop.query("select count(*) from raw.sales") == [0]
    assert shop.query("select count(*) from journal.batches") == [0]


def test_a_contract_that_goes_takes_its_rows_along(shop: Company) -> None:
    shop.deliver("sales_20240101.csv", FIRST)
    shop.deliver("customers_20240101.csv", "id,name\n1,a\n")
    shop.ingest()
    (shop.root / "sources/feeds/sales.yml").unlink()
    (shop.root / "sources/shop/sales.yml").unlink()
    assert sorted(statuses(shop)) == ["unchanged", "withdrawn"]
    assert shop.query("select count(*) from raw.sales") == [0]


def test_a_full_disk_is_told_and_keeps_what_was_there(shop: Company, monkeypatch: pytest.MonkeyPatch) -> None:
    shop.deliver("sales_20240101.csv", FIRST)
    shop.ingest()
    shop.deliver("sales_20240102.csv", "id,amount\n7,x\n8,1\n")

    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr(loading, "write_quarantine", full)
        with pytest.raises(CrmError, match="No space left"):
            shop.ingest()
    assert shop.column("sale_id") == ["1", "2"]
    assert statuses(shop) == ["unchanged", "loaded"]


def test_nothing_is_committed_after_a_batch_that_could_not_be(shop: Company, monkeypatch: pytest.MonkeyPatch) -> None:
    shop.deliver("sales_20240101.csv", FIRST)
    shop.deliver("sales_20240102.csv", "id,amount\n7,x\n8,1\n")
    shop.deliver("sales_20240103.csv", "id,amount\n9,1\n")

    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr(loading, "FLUSH_DECISIONS", 1)
        patch.setattr(loading, "write_quarantine", full)
        with pytest.raises(CrmError, match="No space left"):
            shop.ingest()
    assert shop.column("sale_id") == ["1", "2"]
    assert statuses(shop) == ["unchanged", "loaded", "loaded"]

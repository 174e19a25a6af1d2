"""What only looks, and replay: sources, the dry run of a file, and the life of a bad row after it was quarantined."""

from __future__ import annotations

import stat
from datetime import date
from pathlib import Path

import pytest

from dagster_project.errors import CrmError
from dagster_project.ingestion import check_file, list_quarantine, list_sources, list_unmapped, show_quarantine
from tests.unit.ingestion.company import CUSTOMERS_CSV, SALES_CSV, Company

CONTENT = "id,amount,more\n1,1.50,\n2,x,\n3,,z\n"


@pytest.fixture
def shop(company: Company) -> Company:
    """A shop with one file that holds a bad row."""
    company.mapping(SALES_CSV, name="sales")
    company.mapping(CUSTOMERS_CSV, name="customers")
    company.deliver("sales_20240101.csv", CONTENT)
    return company


def test_sources_are_listed_before_and_after_a_run(shop: Company) -> None:
    before = {one.mapping: one for one in list_sources(catalog=shop.catalog, settings=shop.settings)}
    assert (before["sales"].file_count, before["sales"].loaded_batches) == (1, 0)
    shop.deliver("customers_20240101.csv", "id,name\n")
    shop.ingest()
    after = {one.mapping: one for one in list_sources(catalog=shop.catalog, settings=shop.settings)}
    assert (after["sales"].loaded_batches, after["sales"].newest_batch_date) == (1, date(2024, 1, 1))
    assert (after["customers"].refused_batches, after["customers"].is_stale) == (1, True)
    assert after["sales"].feeds == ("sales",)


def test_files_that_no_mapping_takes_are_listed(shop: Company) -> None:
    shop.deliver("readme.txt", "x")
    shop.deliver("a.csv", "x", system="unknown")
    assert list_unmapped(catalog=shop.catalog, settings=shop.settings) == ("shop/readme.txt", "unknown/a.csv")


def test_a_dry_run_tells_what_would_load_and_writes_nothing(shop: Company) -> None:
    path = shop.root / "landing/shop/sales_20240101.csv"
    (check,) = check_file(path, catalog=shop.catalog, settings=shop.settings)
    assert (check.feed, check.mapping, check.batch_date, check.would_refuse) == (
        "sales",
        "sales",
        date(2024, 1, 1),
        False,
    )
    assert (check.counts.delivered_rows, check.counts.loaded_rows, check.counts.quarantined_rows) == (3, 2, 1)
    columns = {one.column: one for one in check.columns}
    assert (columns["amount"].source, columns["amount"].filled_share, columns["amount"].bad_count) == ("amount", 0.5, 1)
    assert columns["amount"].sample_reason == "not a number: 'x'"
    assert columns["pieces"].source == ""
    assert [(row.line, row.original_text) for row in check.bad_rows] == [(3, "2,x,")]
    assert check.notes == ("Columns nobody uses: more.",)
    assert not (shop.root / "data").exists()


def test_a_dry_run_compares_the_volume_with_what_is_loaded(shop: Company, tmp_path: Path) -> None:
    shop.deliver("customers_20240101.csv", "id,name\n" + "".join(f"{number},x\n" for number in range(100)))
    shop.ingest()
    outside = tmp_path / "customers_20240102.csv"
    outside.write_text("id,name\n1,x\n")
    (check,) = check_file(outside, catalog=shop.catalog, settings=shop.settings)
    assert check.would_refuse
    assert check.reason.startswith("volume: ")


def test_a_dry_run_of_an_unreadable_file_says_why(shop: Company, tmp_path: Path) -> None:
    path = tmp_path / "sales_20240102.csv"
    path.write_bytes(b"")
    (check,) = check_file(path, catalog=shop.catalog, settings=shop.settings)
    assert check.reason == "unreadable: the file is empty."


def test_a_file_may_be_checked_against_a_named_mapping(shop: Company, tmp_path: Path) -> None:
    path = tmp_path / "export.txt"
    path.write_text(CONTENT)
    with pytest.raises(CrmError, match="no mapping takes this file") as caught:
        check_file(path, catalog=shop.catalog, settings=shop.settings)
    assert "shop/sales_{date:%Y%m%d}*.csv*" in str(caught.value)
    (check,) = check_file(path, catalog=shop.catalog, settings=shop.settings, system="shop", mapping="sales")
    assert check.counts.loaded_rows == 2


@pytest.mark.parametrize(("system", "mapping", "hint"), [("shopp", None, "'shop'"), (None, "sale", "'sales'")])
def test_an_unknown_mapping_is_told_with_a_hint(
    shop: Company, system: str | None, mapping: str | None, hint: str
) -> None:
    path = shop.root / "landing/shop/sales_20240101.csv"
    with pytest.raises(CrmError, match=f"Did you mean {hint}"):
        check_file(path, catalog=shop.catalog, settings=shop.settings, system=system, mapping=mapping)


def test_a_file_that_is_not_there_is_told(shop: Company) -> None:
    with pytest.raises(CrmError, match="no such file"):
        check_file(shop.root / "nothing.csv", catalog=shop.catalog, settings=shop.settings)


def test_quarantine_before_the_first_run_is_empty(shop: Company) -> None:
    assert list_quarantine(settings=shop.settings) == ()
    assert show_quarantine(settings=shop.settings) == ()


def test_bad_rows_are_listed_and_shown_and_only_the_owner_can_read_them(shop: Company) -> None:
    shop.deliver("sales_20240102.csv", "id\n1\n")
    shop.ingest()
    bad, refused = list_quarantine(settings=shop.settings)
    assert (bad.status, bad.quarantined_rows, refused.status) == ("loaded", 1, "refused")
    (row,) = show_quarantine(settings=shop.settings, batch_id=bad.batch_id[:6])
    assert (row.line, row.column_name, row.original_text) == (3, "amount", "2,x,")
    assert show_quarantine(settings=shop.settings, feed="customers") == ()
    with pytest.raises(CrmError, match="no batch in quarantine"):
        show_quarantine(settings=shop.settings, batch_id="zz")
    files = [path for path in shop.settings.quarantine_dir.rglob("*") if path.is_file()]
    assert [path.name for path in files] == [f"{bad.batch_id}.parquet"]
    assert stat.S_IMODE(files[0].stat().st_mode) == 0o600
    assert stat.S_IMODE(files[0].parent.stat().st_mode) == 0o700


def test_replay_after_the_mapping_was_corrected_empties_quarantine(shop: Company) -> None:
    shop.deliver("sales_20240102.csv", "id\n7\n")
    shop.ingest()
    shop.deliver("sales_20240103.csv", "id,amount\n8,1\n")
    shop.mapping(
        SALES_CSV.replace("amount: amount", "amount: {from: amount, optional: true, null_values: ['', x]}"),
        name="sales",
    )
    assert [(result.file, result.status) for result in shop.replay()] == [
        ("sales_20240101.csv", "loaded"),
        ("sales_20240102.csv", "loaded"),
    ]
    assert shop.column("sale_id") == ["1", "2", "3", "7"]
    assert list_quarantine(settings=shop.settings) == ()
    assert not [path for path in shop.settings.quarantine_dir.rglob("*") if path.is_file()]


def test_replay_without_a_correction_changes_nothing(shop: Company) -> None:
    shop.ingest()
    before = shop.table()
    (result,) = shop.replay(feed="sales")
    assert (result.status, result.quarantined_rows) == ("loaded", 1)
    assert shop.table() == before


def test_replay_of_a_file_that_is_gone_is_told(shop: Company) -> None:
    shop.ingest()
    (shop.root / "landing/shop/sales_20240101.csv").unlink()
    (result,) = shop.replay()
    assert (result.status, result.reason) == (
        "unchanged",
        "the file shop/sales_20240101.csv is not in the landing folder any more",
    )
    with pytest.raises(CrmError, match="not in the landing folder any more"):
        shop.replay(batch_id=result.batch_id)
    assert shop.column("sale_id") == ["1", "3"]


def test_what_a_killed_run_left_in_quarantine_is_swept(shop: Company) -> None:
    shop.ingest()
    (kept,) = shop.settings.quarantine_dir.rglob("*.parquet")
    (kept.parent / "0000.parquet").write_bytes(kept.read_bytes())
    (kept.parent / "0001.new").write_bytes(b"half")
    shop.ingest()
    assert [path.name for path in kept.parent.iterdir()] == [kept.name]

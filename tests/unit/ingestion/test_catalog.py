"""Contracts and mappings: what is wrong is told in one sentence with file and line, and a hint where there is one."""

from __future__ import annotations

import re
from datetime import date

import pytest

from dagster_project.errors import CrmError
from dagster_project.ingestion import load_catalog
from dagster_project.settings import PROJECT_ROOT
from tests.unit.ingestion.company import CUSTOMERS, SALES, SALES_CSV, Company

MAPPING = """
system: shop
files: "sales_{date:%Y%m%d}.csv"
format:
  type: csv
  delimiter: ";"
feeds:
  sales:
    columns:
      sale_id: Id
      sold_at: {from: At, timestamp_formats: ["%d.%m.%Y %H:%M"]}
"""


def error_of(company: Company) -> str:
    with pytest.raises(CrmError) as caught:
        _ = company.catalog
    return str(caught.value)


def test_the_built_in_contracts_are_read() -> None:
    catalog = load_catalog(PROJECT_ROOT / "sources")
    feeds = [contract.feed for contract in catalog.contracts]
    assert feeds == sorted(feeds)
    assert {"accounts", "orders", "tickets"} <= set(feeds)
    assert catalog.contract("orders").columns[0].name == "order_id"


def test_sources_without_contracts_of_their_own_use_the_built_in_ones(company: Company) -> None:
    company.mapping(
        MAPPING.replace("sales:", "orders:")
        .replace("sale_id", "order_id")
        .replace("sold_at", "ordered_at")
        .replace("columns:", "columns:\n      order_status: {constant: paid}")
    )
    for path in (company.root / "sources/feeds").iterdir():
        path.unlink()
    (company.root / "sources/feeds").rmdir()
    assert "orders" in company.catalog.mappings[0].feeds
    assert company.catalog.contract("accounts").key == ("account_id",)


def test_a_missing_folder_is_told(company: Company) -> None:
    with pytest.raises(CrmError, match="does not exist"):
        load_catalog(company.root / "nowhere")


def test_a_short_column_and_lists_of_one_are_spelled_out(company: Company) -> None:
    company.mapping(MAPPING)
    mapping = company.catalog.mappings[0]
    assert mapping.name == "export"
    assert mapping.files == ("sales_{date:%Y%m%d}.csv",)
    assert mapping.feeds["sales"].columns["sale_id"].source == "Id"


def test_words_that_yaml_takes_for_something_else_stay_words(company: Company) -> None:
    company.mapping(MAPPING.replace("sale_id: Id", "sale_id: {from: Id, values: {NO: Yes, 007: 1.10, on: ''}}"))
    assert company.catalog.mappings[0].feeds["sales"].columns["sale_id"].values == {
        "NO": "Yes",
        "007": "1.10",
        "on": "",
    }


def test_bounds_and_mode_of_the_mapping_go_before_those_of_the_contract(company: Company) -> None:
    company.mapping(MAPPING.replace("  sales:", "  sales:\n    mode: append") + "bounds: {max_bad_share: 0.2}\n")
    catalog = company.catalog
    mapping = catalog.mappings[0]
    assert catalog.mode(mapping, "sales") == "append"
    assert catalog.bounds(mapping, "sales").max_bad_share == 0.2
    assert catalog.bounds(mapping, "sales").min_bad_rows == 3


@pytest.mark.parametrize(
    ("old", "new", "line", "words"),
    [
        ("delimiter", "delimeter", 6, ["unknown key 'delimeter'", "'delimiter'"]),
        ("type: csv", "type: cvs", 5, ["unknown type 'cvs'", "'csv'"]),
        ("  sales:", "  sale:", 8, ["unknown feed 'sale'", "'sales'"]),
        ("sale_id: Id", "sale_ix: Id", 10, ["no column 'sale_ix'", "'sale_id'"]),
        ("{from: At", "{frm: At", 11, ["unknown key 'frm'", "'from'"]),
        ("{from: At", "{constant: x, from: At", 11, ["exactly one of"]),
        ("%d.%m.%Y %H:%M", "%d.%Q.%Y", 11, ["'%Q'"]),
        ("%d.%m.%Y %H:%M", "%d.%m", 11, ["lacks year"]),
        ("{from: At", "{from: At, time_zone: Europa/Berlin", 11, ["time zone 'Europa/Berlin'"]),
        ("sale_id: Id", "sale_id: {sql: 'upper('}", 10, ["SQL"]),
        ("sale_id: Id", "sale_id: {sql: 'uper(x)'}", 10, ["SQL", "uper"]),
        ("sale_id: Id", "sale_id: {sql: 'max(x)'}", 10, ["more than one row"]),
        ("sale_id: Id", "sale_id: {sql: 'sum(cast(x as double))'}", 10, ["more than one row"]),
        ("sale_id: Id", "sale_id: {sql: 'row_number() over (order by x)'}", 10, ["more than one row"]),
        ("sale_id: Id", "sale_id: {sql: 'cast(now() as varchar)'}", 10, ["clock"]),
        ("sale_id: Id", "sale_id: Id\n      state: {constant: payed}", 11, ["'payed' is not allowed", "'paid'"]),
        ("sale_id: Id", "amount: Id", 9, ["requires the column 'sale_id'"]),
        ("sale_id: Id", "sale_id: Id\n      sale_id: Nr", 11, ["'sale_id' is given twice"]),
        ("_{date:%Y%m%d}", "", 3, ["no batch date"]),
        ("{date:%Y%m%d}", "{date:%Q}", 3, ["{date:%Q}"]),
        ("{date:%Y%m%d}", "{date:%m%d}", 3, ["no year"]),
        ("{date:%Y%m%d}", "{day}", 3, ["brace"]),
        ("files:", "batch_date: 2024-01-01\nfiles:", 4, ["twice"]),
        ("system: shop", "system: shop\nbatch_date: tomorrow", 3, ["batch_date"]),
        ('";"', '";;"', 6, ["delimiter", "';;'"]),
        ("type: csv", "type: csv\n  encoding: utf-99", 6, ["utf-99"]),
        ("type: csv", "type: csv\n  skip_rows: two", 6, ["skip_rows", "'two'"]),
        ("type: csv", "type: parquet", 6, ["delimiter has no meaning", "parquet"]),
        ("type: csv", "type: csv\n  thousands: '.'", 6, ["decimal and thousands"]),
        ("feeds:", "feds:", 7, ["unknown key 'feds'", "'feeds'"]),
        ("system: shop", "system: shop\nunknown_columns: drop", 3, ["unknown_columns", "'drop'"]),
        ("    columns:", "    colums:", 9, ["'colums'", "'columns'"]),
        ("sale_id: Id", "sale_id: [Id]", 10, ["sale_id"]),
        ("feeds:", "feeds: [", 9, ["YAML"]),
    ],
)
def test_a_mistake_in_a_mapping_is_told_with_its_line(
    company: Company, old: str, new: str, line: int, words: list[str]
) -> None:
    assert old in MAPPING
    path = company.mapping(MAPPING.replace(old, new, 1))
    told = error_of(company)
    for word in words:
        assert word in told
    assert re.search(rf"\({re.escape(str(path))}:{line}\)", told), told
    assert "\n" not in told


@pytest.mark.parametrize(
    ("old", "new", "words"),
    [
        ("amount: {type: decimal", "amount: {type: money", ["unknown type 'money'", "decimal"]),
        ("amount: {type: decimal", "amount: {type: integr", ["Did you mean 'integer'"]),
        ("minimum: 0", "minimun: 0", ["'minimun'", "'minimum'"]),
        ("minimum: 0", "minimum: none", ["minimum"]),
        ("minimum: 0", "minimum: 2024-01-01", ["minimum 2024-01-01 does not fit"]),
        ("minimum: 1990-01-01", "minimum: 5", ["minimum 5 does not fit"]),
        ("'^[A-Z]+$'", "'^[A-Z+$'", ["pattern", "regular expression"]),
        ("allowed: [open, paid]", "minimum: 3", ["minimum is for numbers"]),
        ("pieces: {type: integer", "pieces: {type: integer, pattern: x", ["pattern is for columns of the type string"]),
        ("key: [sale_id]", "key: [sale_nr]", ["unknown column 'sale_nr'", "'sale_id'"]),
        ("event_at: sold_at", "event_at: sold", ["'sold'"]),
        ("event_at: sold_at", "event_at: amount", ["no date or timestamp"]),
        ("mode: delta", "mode: deltas", ["unknown mode 'deltas'", "'delta'"]),
        ("feed: sales", "feed: sale", ["named sales.yml"]),
        ("  max_bad_share: 0.9", "  max_bad_share: 5", ["max_bad_share"]),
        ("  amount:", "  Amount:", ["'Amount' cannot be a column name"]),
        ("mode: delta\n", "", ["'mode' is missing"]),
    ],
)
def test_a_mistake_in_a_contract_is_told_with_its_file(company: Company, old: str, new: str, words: list[str]) -> None:
    assert old in SALES
    path = company.root / "sources/feeds/sales.yml"
    path.write_text(SALES.replace(old, new, 1))
    told = error_of(company)
    for word in words:
        assert word in told, told
    assert f"({path}:" in told


def test_a_mapping_in_the_wrong_folder_is_told(company: Company) -> None:
    path = company.mapping(MAPPING)
    path.write_text(MAPPING.replace("system: shop", "system: shoop"))
    assert "'shoop'" in error_of(company)


def test_two_mappings_that_fill_one_feed_from_one_file_are_told(company: Company) -> None:
    company.mapping(SALES_CSV, name="one")
    company.mapping(SALES_CSV, name="two")
    company.deliver("sales_20240101.csv", "id,amount\n1,1\n")
    with pytest.raises(CrmError, match=r"'one' and 'two' both fill 'sales'"):
        company.ingest()


def test_fingerprints_follow_meaning_and_not_words(company: Company) -> None:
    company.mapping(MAPPING)
    first = company.catalog
    company.contract(SALES.replace("One row per sale.", "Other words.").replace("accounting", "sales"))
    company.contract(CUSTOMERS.replace("type: string", "type: integer"))
    assert company.catalog.fingerprint(first.mappings[0], "sales") == first.fingerprint(first.mappings[0], "sales")
    company.contract(SALES.replace("maximum: 1000", "maximum: 999"))
    assert company.catalog.fingerprint(first.mappings[0], "sales") != first.fingerprint(first.mappings[0], "sales")


def test_limits_of_dates_are_dates(company: Company) -> None:
    assert company.catalog.contract("sales").by_name["sold_date"].minimum == date(1990, 1, 1)

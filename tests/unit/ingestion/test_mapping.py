"""What a mapping can do with the columns of a file: everything DESIGN.md lists under Feeds."""

from __future__ import annotations

import os
from datetime import date
from typing import Any

import pytest

from tests.unit.ingestion.company import Company

HEAD = 'system: shop\nfiles: "sales_{date:%Y%m%d}*"\n'


def loaded(
    company: Company, columns: str, text: str, *, layout: str = "type: csv", more: str = "", select: str
) -> list[Any]:
    """The rows a file becomes under a mapping."""
    company.mapping(f"{HEAD}format: {{{layout}}}\nfeeds:\n  sales:\n    {more}\n    columns: {columns}\n")
    company.deliver("sales_20240101.csv", text)
    result = company.ingest_one()
    assert result.reason == ""
    return company.query(f"select {select} from raw.sales order by _line")


def test_rename_constant_and_columns_that_nobody_fills(company: Company) -> None:
    rows = loaded(
        company,
        '{sale_id: "Sale Id", state: {constant: open}}',
        "Sale Id\n1\n",
        select="sale_id, state, amount, sold_at",
    )
    assert rows == [("1", "open", None, None)]


@pytest.mark.parametrize(
    ("rule", "states"),
    [
        ("values: {offen: open, bezahlt: paid}", ["open", "paid", "open", None]),
        ("values: {offen: open, bezahlt: paid, '': paid}", ["open", "paid", "open", "paid"]),
        ("values: {offen: open, bezahlt: ~}", ["open", None, "open", None]),
        ("values: {offen: open}, otherwise: 'null'", ["open", None, None, None]),
        ("values: {offen: open, open: open}, otherwise: 'null'", ["open", None, "open", None]),
    ],
)
def test_values_are_translated(company: Company, rule: str, states: list[str | None]) -> None:
    text = "id,state\n1,offen\n2,bezahlt\n3,open\n4,\n"
    assert loaded(company, f"{{sale_id: id, state: {{from: state, {rule}}}}}", text, select="state") == states


def test_values_that_are_in_no_map_are_rejected_where_the_mapping_says_so(company: Company) -> None:
    columns = "{sale_id: id, code: {from: state, values: {a: A, b: B}, otherwise: reject}}"
    assert loaded(company, columns, "id,state\n1,a\n2,C\n3,\n", select="code") == ["A", None]
    assert company.bad_rows() == [(3, "code", "'C' is not in the value map", "2,C")]


def test_the_first_value_that_is_there(company: Company) -> None:
    rows = loaded(company, "{sale_id: {coalesce: [a, b]}}", "a,b\n,2\n1,2\n3,\n", select="sale_id")
    assert rows == ["2", "1", "3"]


def test_sql_computes_columns_from_texts(company: Company) -> None:
    columns = """
      sale_id: {sql: "id || '-' || upper(kind)"}
      amount: {sql: "cast(pieces as double) * cast(price as double)"}
      state: {sql: "case when kind = 'x' then 'open' else 'paid' end"}
"""
    rows = loaded(
        company,
        columns,
        "id,kind,pieces,price\n1,x,3,19.95\n2,y,,1\n",
        select="sale_id, cast(amount as varchar), state",
    )
    assert rows == [("1-X", "59.8500", "open"), ("2-Y", None, "paid")]


def test_sql_casts_read_numbers_as_the_file_writes_them(company: Company) -> None:
    columns = (
        '{sale_id: id, amount: {sql: "cast(\\"Preis netto\\" as decimal(18,4)) + 1"},'
        ' pieces: {sql: "cast(n as bigint) - 500"}}'
    )
    text = "id;Preis netto;n\n1;1.234,50;1.000\n2;12.34,5;1\n3;;2\n"
    rows = loaded(
        company,
        columns,
        text,
        layout="type: csv, delimiter: ';', decimal: ',', thousands: '.'",
        select="sale_id, cast(amount as varchar), pieces",
    )
    assert rows == [("1", "1235.5000", 500), ("3", None, -498)]
    assert company.bad_rows() == [(3, "amount", "the SQL expression cannot be evaluated on this row", "2;12.34,5;1")]


def test_a_row_on_which_sql_fails_is_quarantined_and_the_others_load(company: Company) -> None:
    text = "id,n\n" + "".join(f"{number},{'x' if number % 7 == 3 else number}\n" for number in range(20))
    rows = loaded(company, '{sale_id: id, pieces: {sql: "cast(n as bigint) + 1"}}', text, select="pieces")
    assert rows == [number + 1 for number in range(20) if number % 7 != 3]
    assert [row[0] for row in company.bad_rows()] == [5, 12, 19]


def test_a_filter_leaves_rows_out_and_counts_them(company: Company) -> None:
    company.mapping(
        HEAD + "feeds:\n  sales:\n    filter: \"kind is not null and kind <> 'x'\"\n    columns: {sale_id: id}\n"
    )
    company.deliver("sales_20240101.csv", "id,kind\n1,a\n2,x\n3,\n,b\n4,b\n5\n")
    result = company.ingest_one()
    assert (result.source_rows, result.filtered_rows, result.delivered_rows) == (6, 2, 4)
    assert (result.loaded_rows, result.quarantined_rows) == (2, 2)
    assert company.column("sale_id") == ["1", "4"]


def test_a_filter_that_cannot_be_evaluated_quarantines_the_row(company: Company) -> None:
    rows = loaded(
        company, "{sale_id: id}", "id,n\n1,5\n2,x\n3,1\n", more='filter: "cast(n as bigint) > 2"', select="sale_id"
    )
    assert rows == ["1"]
    assert company.bad_rows() == [(3, None, "the filter cannot be evaluated on this row", "2,x")]


def test_numbers_run_within_equal_values_in_file_order(company: Company) -> None:
    text = "order,article\nA,x\nB,x\nA,y\nA,z\nB,y\n,x\n,y\n"
    rows = loaded(
        company,
        "{sale_id: article, pieces: {number_within: order}, code: {from: order}}",
        text,
        select="coalesce(code, '-') || pieces",
    )
    assert rows == ["A1", "B1", "A2", "A3", "B2", "-1", "-2"]


def test_running_numbers_go_on_from_chunk_to_chunk(company: Company, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("dagster_project.ingestion.readers.content.BLOCK_BYTES", 40)
    text = "order,article\n" + "".join(f"{'AB'[number % 2]},{number}\n" for number in range(50))
    rows = loaded(company, "{sale_id: article, pieces: {number_within: [order]}}", text, select="pieces")
    assert rows == [number // 2 + 1 for number in range(50)]


def test_an_optional_column_may_be_missing(company: Company) -> None:
    rows = loaded(company, "{sale_id: id, code: {from: nowhere, optional: true}}", "id\n1\n", select="sale_id, code")
    assert rows == [("1", None)]


def test_formats_may_differ_for_one_column(company: Company) -> None:
    columns = (
        '{sale_id: id, amount: amount, weight: {from: weight, decimal: "."},'
        ' sold_date: {from: day, date_formats: "%d/%m/%Y"},'
        ' sold_at: {from: at, time_zone: UTC}, is_gift: {from: gift, true_values: [x], false_values: ["-"]},'
        " code: {from: code, null_values: [NONE]}}"
    )
    layout = "type: csv, delimiter: ';', decimal: ',', time_zone: Europe/Berlin, null_values: ['', NULL]"
    text = "id;amount;weight;day;at;gift;code\n1;2,5;3.5;31/01/2024;2024-01-01 10:00;x;NULL\n2;NULL;;;;-;NONE\n"
    rows = loaded(
        company,
        columns,
        text,
        layout=layout,
        select="cast(amount as varchar), weight, sold_date, cast(sold_at as varchar), is_gift, code",
    )
    assert rows == [
        ("2.5000", 3.5, date(2024, 1, 31), "2024-01-01 10:00:00", True, "NULL"),
        (None, None, None, None, False, None),
    ]


def test_one_file_fills_several_feeds(company: Company) -> None:
    company.mapping(
        HEAD
        + "feeds:\n"
        + "  sales:\n    filter: \"kind = 's'\"\n    columns: {sale_id: id}\n"
        + "  customers:\n    filter: \"kind = 'c'\"\n    columns: {customer_id: id, name: name}\n"
    )
    company.deliver("sales_20240101.csv", "kind,id,name\ns,1,\nc,2,Ann\nc,3\n")
    results = {result.feed: result for result in company.ingest()}
    assert company.column("sale_id") == ["1"]
    assert company.query("select customer_id, name from raw.customers") == [("2", "Ann")]
    assert results["sales"].batch_id != results["customers"].batch_id
    assert {result.quarantined_rows for result in results.values()} == {1}


def test_one_feed_of_a_file_may_be_refused_and_the_other_loads(company: Company) -> None:
    company.mapping(HEAD + "feeds:\n  sales: {columns: {sale_id: nr}}\n  customers: {columns: {customer_id: id}}\n")
    company.deliver("sales_20240101.csv", "id\n2\n")
    assert {result.feed: result.status for result in company.ingest()} == {"sales": "refused", "customers": "loaded"}


@pytest.mark.parametrize(
    ("text", "layout"),
    [("id,a,b\n1,x,\n2,,\n", "type: csv"), ('{"id":1,"a":"x","b":null}\n{"id":2}\n', "type: ndjson")],
)
def test_unknown_columns_are_kept_as_json_where_the_mapping_says_so(company: Company, text: str, layout: str) -> None:
    company.mapping(
        f"{HEAD}format: {{{layout}}}\nunknown_columns: keep\nfeeds:\n  sales: {{columns: {{sale_id: id}}}}\n"
    )
    company.deliver("sales_20240101.txt", text)
    company.ingest()
    assert company.query("select _extra->>'a' from raw.sales order by sale_id")[0] == "x"


def test_batch_dates_without_a_date_in_the_name(company: Company) -> None:
    head = 'system: shop\nfiles: ["sales.csv", "more/*.csv"]\nbatch_date: 2024-01-15\n'
    company.mapping(head + "feeds:\n  sales: {columns: {sale_id: id}}\n")
    company.deliver("sales.csv", "id\n1\n")
    company.deliver("more/b.csv", "id\n2\n")
    assert {result.batch_date for result in company.ingest()} == {date(2024, 1, 15)}
    assert company.query("select distinct _batch_date from raw.sales") == [date(2024, 1, 15)]


def test_the_time_of_a_file_may_be_its_batch_date(company: Company) -> None:
    company.mapping(
        'system: shop\nfiles: "sales.csv"\nbatch_date: file_time\nfeeds:\n  sales: {columns: {sale_id: id}}\n'
    )
    path = company.deliver("sales.csv", "id\n1\n")
    os.utime(path, (1705273200, 1705273200))  # 2024-01-15 00:00 in Berlin, the day before in UTC
    assert company.ingest_one().batch_date == date(2024, 1, 15)


@pytest.mark.parametrize(
    ("sql", "reason"),
    [
        ("cast(n as bigint) + 1", "bad rows: the SQL expression of pieces fails on more than 1,000 rows."),
        ("n + date '2024-01-01'", "bad rows: the SQL expression of pieces does not fit the columns of the file ("),
    ],
)
def test_sql_that_fails_everywhere_refuses_the_file(company: Company, sql: str, reason: str) -> None:
    company.mapping(f'{HEAD}feeds:\n  sales:\n    columns: {{sale_id: id, pieces: {{sql: "{sql}"}}}}\n')
    company.deliver("sales_20240101.csv", "id,n\n" + "".join(f"{number},x\n" for number in range(1100)))
    result = company.ingest_one()
    assert result.status == "refused"
    assert result.reason.startswith(reason), result.reason

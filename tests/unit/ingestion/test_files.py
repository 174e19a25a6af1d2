"""Files of every kind and dialect, whole and broken: what cannot be read is refused and hurts nobody else."""

from __future__ import annotations

import gzip
import io
import json
from pathlib import Path
from unittest.mock import patch

import polars as pl
import pytest
import xlsxwriter

from dagster_project.ingestion import landing
from dagster_project.ingestion.readers import content
from tests.unit.ingestion.company import SALES_CSV, Company

ALL = "{sale_id: id, amount: amount, state: state}"


def mapping(layout: str, *, files: str = "sales_{date:%Y%m%d}*", columns: str = ALL, extra: str = "") -> str:
    return f'system: shop\nfiles: "{files}"\nformat: {{{layout}}}\n{extra}\nfeeds:\n  sales:\n    columns: {columns}\n'


# CSV ------------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("layout", "text", "encoding"),
    [
        ("type: csv", "id,amount,state\n1,2.50,open\n", "utf-8"),
        ("type: csv", "id,amount,state\r\n1,2.50,open\r\n", "utf-8-sig"),
        ("type: csv", "id,amount,state\r1,2.50,open\r", "utf-8"),
        ("type: csv", '"id","amount","state"\n"1","2.50","open"', "utf-8"),
        ("type: csv, delimiter: ';', decimal: ','", "id;amount;state\n1;2,50;open\n", "utf-8"),
        ("type: csv, delimiter: tab", "id\tamount\tstate\n1\t2.50\topen\n", "utf-8"),
        ("type: csv, encoding: utf-16", "id,amount,state\n1,2.50,open\n", "utf-16"),
        ("type: csv, encoding: utf-16-le", "id,amount,state\n1,2.50,open\n", "utf-16-le"),
        ('type: csv, quote: "\'"', "id,amount,state\n'1','2.50','open'\n", "utf-8"),
        ("type: csv, quote: ~", "id,amount,state\n1,2.50,open\n", "utf-8"),
        ("type: csv, skip_rows: 2", "Report\n\nid,amount,state\n1,2.50,open\n", "utf-8"),
        ("type: csv", " id , amount ,state,\n1,2.50,open,\n", "utf-8"),
    ],
)
def test_csv_in_any_dialect(company: Company, layout: str, text: str, encoding: str) -> None:
    company.mapping(mapping(layout))
    company.deliver("sales_20240101.csv", text.encode(encoding))
    assert company.ingest_one().reason == ""
    assert company.query("select sale_id, cast(amount as varchar), state from raw.sales") == [("1", "2.5000", "open")]


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "cp1252", "latin-1"])
def test_letters_of_every_encoding(company: Company, encoding: str) -> None:
    company.mapping(mapping(f"type: csv, encoding: {encoding}", columns="{sale_id: Schlüssel}"))
    company.deliver("sales_20240101.csv", "Schlüssel\nÄpfel und Öl\n".encode(encoding))
    company.ingest()
    assert company.column("sale_id") == ["Äpfel und Öl"]


def test_lines_are_physical_with_quoted_line_ends_and_blank_lines(company: Company) -> None:
    company.mapping(mapping("type: csv"))
    company.deliver("sales_20240101.csv", 'id,amount,state\n"a\nb",1,open\n\nc,x,open\n\n"d\n\n",3,open\n')
    company.ingest()
    assert company.query("select sale_id, _line from raw.sales order by _line") == [("a\nb", 2), ("d\n\n", 7)]
    assert company.bad_rows() == [(5, "amount", "not a number: 'x'", "c,x,open")]


def test_ragged_rows_are_quarantined_and_not_padded(company: Company) -> None:
    company.mapping(mapping("type: csv"))
    company.deliver("sales_20240101.csv", "id,amount,state\n1,1,open\n2,2\n3,3,open,x\n4\n5,5,\n")
    result = company.ingest_one()
    assert (result.delivered_rows, result.loaded_rows, result.quarantined_rows) == (5, 2, 3)
    assert company.column("sale_id") == ["1", "5"]
    assert company.bad_rows() == [
        (3, None, "too few fields: 2 instead of 3", "2,2"),
        (4, None, "too many fields: 4 instead of 3", "3,3,open,x"),
        (5, None, "too few fields: 1 instead of 3", "4"),
    ]


def test_too_few_and_too_many_fields_do_not_make_up_for_each_other(company: Company) -> None:
    company.mapping(mapping("type: csv"))
    company.deliver("sales_20240101.csv", "id,amount,state\n1,1\n2,2,open,x\n3,3,open\n")
    assert company.ingest_one().quarantined_rows == 2


def test_a_stray_quote_costs_its_line_only(company: Company) -> None:
    company.mapping(mapping("type: csv"))
    company.deliver("sales_20240101.csv", 'id,amount,state\n1,1,"open\n2,2,open\n3,3,"paid"\n4" pipe,4,open\n')
    company.ingest()
    assert company.column("sale_id") == ["2", "3", '4" pipe']
    assert [row[0] for row in company.bad_rows()] == [2]


def test_a_cell_of_more_than_a_mebibyte_costs_its_row_only(company: Company) -> None:
    company.mapping(mapping("type: csv"))
    huge = "x" * (2**20 + 1)
    company.deliver("sales_20240101.csv", f"id,amount,state\n1,1,open\n{huge},2,open\n3,3,{huge}\n4,4,paid\n")
    result = company.ingest_one()
    assert (result.loaded_rows, result.quarantined_rows) == (2, 2)
    assert {row[2] for row in company.bad_rows()} == {"a cell is longer than 1 MiB"}
    assert all(len(row[3]) <= 2**16 for row in company.bad_rows())


def test_a_column_that_comes_twice_is_numbered(company: Company) -> None:
    company.mapping(mapping("type: csv", columns='{sale_id: id, code: "id#2"}'))
    company.deliver("sales_20240101.csv", "id,id\n1,A\n")
    company.ingest()
    assert company.query("select sale_id, code from raw.sales") == [("1", "A")]


def test_a_header_without_rows_is_an_empty_delivery(company: Company) -> None:
    company.mapping(mapping("type: csv"))
    company.deliver("sales_20240101.csv", "id,amount,state\n")
    result = company.ingest_one()
    assert (result.status, result.delivered_rows) == ("loaded", 0)


# Compressed -----------------------------------------------------------------------------------------------------------


def test_gzip_is_read_through_by_content_and_not_by_name(company: Company) -> None:
    company.mapping(SALES_CSV)
    company.deliver("sales_20240101.csv.gz", "id,amount\n1,1\n", packed=True)
    company.deliver("sales_20240102.csv", "id,amount\n2,2\n", packed=True)
    company.ingest()
    assert company.column("sale_id") == ["1", "2"]


def test_a_gzip_bomb_is_refused(company: Company) -> None:
    company.mapping(SALES_CSV)
    bomb = b"id,amount\n" + b"1" * (3 * 2**20)
    company.deliver("sales_20240101.csv.gz", gzip.compress(bomb, mtime=0))
    with patch.object(content, "UNPACK_ALLOWANCE", 2**20), patch.object(content, "BLOCK_BYTES", 2**20):
        result = company.ingest_one()
    assert result.reason == "unreadable: the file unpacks to more than 200 times its size, as a gzip bomb does."


# Broken files ---------------------------------------------------------------------------------------------------------


def _packed(size: int) -> bytes:
    text = "".join(f"{number},{number}.5,open\n" for number in range(5000))
    return gzip.compress(("id,amount,state\n" + text).encode(), mtime=0)[:size]


@pytest.mark.parametrize(
    ("layout", "data", "reason"),
    [
        ("type: csv", b"", "unreadable: the file is empty"),
        ("type: csv", b"\n\n", "unreadable: the file has no header line"),
        ("type: csv, skip_rows: 3", b"a\nb\n", "unreadable: the file has no header line"),
        ("type: csv", b"id,amount,state\n1,2.5,open\n2,3", "truncated: the last line (3) is cut off"),
        ("type: csv", b'id,amount,state\n1,2.5,open\n2,3,"op', "truncated: the last line (3) is cut off"),
        ("type: csv", b"PK\x03\x04 workbook", "unreadable: the content is a zip archive or an Excel workbook"),
        ("type: csv", b"\x89PNG\r\n", "unreadable: the content is a picture"),
        ("type: csv", b"id,amount,state\n1,\x00\x01,x\n", "unreadable: byte 18 is a zero byte"),
        ("type: csv", b"id,amount,state\n1,2,\xff\n", "unreadable: byte 20 in line 2 is not utf-8"),
        ("type: csv, encoding: ascii", b"id,amount,state\n1,2,\xe4\n", "unreadable: byte 20 in line 2 is not ascii"),
        (
            "type: csv, encoding: utf-16",
            "id,amount,state\n".encode("utf-16") + b"\x31",
            "unreadable: byte 34 in line 2",
        ),
        ("type: csv", b"id,amount,state\n1,2,\xc3", "unreadable: byte 20 in line 2 is not utf-8"),
        ("type: csv", _packed(500), "truncated: the gzip file ends before its end mark"),
        (
            "type: csv",
            gzip.compress(b"id,amount,state\n", mtime=0)[:14] + b"\x00" * 20,
            "unreadable: the gzip file is damaged",
        ),
        ("type: csv", gzip.compress(b"", mtime=0), "unreadable: the file is empty"),
        ("type: ndjson", b"", "unreadable: the file is empty"),
        (
            "type: ndjson",
            b'{"id": 1, "amount": 2, "state": "open"}\n{"id": 2, "am',
            "truncated: the last line (2) is cut off",
        ),
        (
            "type: json",
            b'[{"id": 1, "amount": 2},\n{"id": 2, "am',
            "truncated: the JSON document ends in the middle, at line 2",
        ),
        ("type: json", b'[{"id": 1}, {"id"; 2}]', "unreadable: no valid JSON at line 1"),
        ("type: json, records: data.rows", b'{"data": {"rows": 5}}', "unreadable: data.rows is no list of records"),
        ("type: json, records: data.rows", b'{"data": {"row": []}}', "unreadable: the JSON document holds no 'rows'"),
        ("type: parquet", b"", "unreadable: the file is empty"),
        ("type: parquet", b"id,amount,state\n1,2,open\n", "unreadable: the content is no Parquet"),
        ("type: parquet", b"PAR1 and then nothing", "truncated: the Parquet file ends before its footer"),
        ("type: parquet", b"PAR1" + b"\x00" * 40 + b"PAR1", "unreadable: the Parquet file is damaged"),
        ("type: excel", b"id,amount,state\n", "unreadable: the content is no Excel workbook"),
        ("type: excel", b"PK\x03\x04 and then nothing", "truncated: the workbook is cut off or damaged"),
    ],
)
def test_a_file_that_cannot_be_read_is_refused_in_one_sentence(
    company: Company, layout: str, data: bytes, reason: str
) -> None:
    company.mapping(mapping(layout))
    company.mapping(SALES_CSV.replace("sales_", "other_"), name="other")
    company.deliver("sales_20240101.dat", data)
    company.deliver("other_20240101.csv", "id,amount\n1,1\n")
    results = {result.file: result for result in company.ingest()}
    assert results["other_20240101.csv"].status == "loaded"
    refused = results["sales_20240101.dat"]
    assert refused.status == "refused"
    assert refused.reason.startswith(reason), refused.reason
    assert refused.reason.endswith(".")
    assert "\n" not in refused.reason
    assert company.column("sale_id") == ["1"]


def test_a_file_named_gz_that_is_not_packed_is_refused(company: Company) -> None:
    company.mapping(SALES_CSV)
    company.deliver("sales_20240101.csv.gz", "id,amount\n1,1\n")
    assert "not packed with gzip" in company.ingest_one().reason


# JSON -----------------------------------------------------------------------------------------------------------------

TICKETS = [
    {
        "id": 7,
        "amount": 1.5,
        "who": {"name": "Ä", "tags": ["x"]},
        "lines": [{"no": "a", "ok": True}, {"no": "b", "ok": 0}],
    },
    {"id": "8", "amount": "2.50", "who": None, "lines": []},
    {"id": 9, "amount": None, "lines": None, "more": {"k": [1]}},
]


@pytest.mark.parametrize("layout", ["type: ndjson", "type: json", "type: json, records: data.rows"])
def test_nested_json_is_addressed_by_path_and_lists_become_rows(company: Company, layout: str) -> None:
    company.mapping(
        mapping(
            layout,
            columns="{sale_id: lines.no, code: {from: who.name, values: {Ä: A}}, amount: amount, is_gift: lines.ok}",
        ).replace("    columns", "    explode: lines\n    columns")
    )
    document = {"data": {"rows": TICKETS}, "n": 1} if "records" in layout else TICKETS
    text = "\n".join(map(json.dumps, TICKETS)) if "ndjson" in layout else json.dumps(document, indent=1)
    company.deliver("sales_20240101.json", text)
    result = company.ingest_one()
    assert (result.source_rows, result.loaded_rows) == (2, 2)
    rows = company.query("select sale_id, code, cast(amount as varchar), is_gift from raw.sales order by 1")
    assert rows == [("a", "A", "1.5000", True), ("b", "A", "1.5000", False)]


def test_broken_lines_of_ndjson_are_quarantined(company: Company) -> None:
    company.mapping(mapping("type: ndjson", columns="{sale_id: id, code: {from: who.name, optional: true}}"))
    lines = [
        '{"id": 1, "who": {"name": "A"}}',
        "",
        '{"id": 2',
        "[3]",
        '{"id": 4, "who": "B"}',
        '{"id": NaN}',
        '{"id": 5}',
    ]
    company.deliver("sales_20240101.ndjson", "\r\n".join(lines) + "\n")
    result = company.ingest_one()
    assert (result.delivered_rows, result.loaded_rows) == (6, 2)
    assert company.bad_rows() == [
        (3, None, "no valid JSON", '{"id": 2'),
        (4, None, "no JSON object", "[3]"),
        (5, None, "who is no object", '{"id": 4, "who": "B"}'),
        (6, None, "no valid JSON", '{"id": NaN}'),
    ]


def test_lines_of_a_json_document_are_those_of_its_records(company: Company) -> None:
    company.mapping(mapping("type: json", columns="{sale_id: id}"))
    company.deliver("sales_20240101.json", '[\n {"id": 1},\n\n {"id": ""},\n {"id":\n 3}\n]')
    company.ingest()
    assert company.query("select sale_id, _line from raw.sales order by 2") == [("1", 2), ("3", 5)]
    assert company.bad_rows() == [(4, "sale_id", "required, but empty", '{"id": ""}')]


def test_an_empty_list_is_an_empty_delivery(company: Company) -> None:
    company.mapping(mapping("type: json", columns="{sale_id: id}"))
    company.deliver("sales_20240101.json", "[]")
    assert company.ingest_one().status == "loaded"


def test_large_numbers_and_null_keys_of_json_survive(company: Company) -> None:
    company.mapping(mapping("type: ndjson", columns="{sale_id: id, amount: amount}"))
    company.deliver("sales_20240101.json", '{"id": 9007199254740993, "amount": null}\n{"id": 12345678901234567890}\n')
    company.ingest()
    assert company.column("sale_id") == ["9007199254740993", "12345678901234567890"]


# Parquet and Excel ----------------------------------------------------------------------------------------------------


def test_parquet_keeps_its_types(company: Company) -> None:
    company.mapping(
        mapping("type: parquet", columns="{sale_id: id, amount: price, sold_at: at, is_gift: gift, code: who.code}")
    )
    frame = pl.DataFrame(
        {
            "id": [1, 2, 3],
            "price": [1.5, 3 * 19.95, 0.00001],
            "at": pl.Series(["2024-01-31 10:00:00"] * 3).str.to_datetime().dt.replace_time_zone("Europe/Berlin"),
            "gift": [True, None, False],
            "who": [{"code": "A"}, {"code": None}, {"code": "C"}],
        }
    )
    buffer = io.BytesIO()
    frame.write_parquet(buffer)
    company.deliver("sales_20240201.parquet", buffer.getvalue())
    company.mapping(
        mapping("type: parquet", columns="{sale_id: id, amount: price, sold_at: at, is_gift: gift, code: who.code}")
    )
    (result,) = company.ingest(company.catalog.mappings[0].patterns[0].match("sales_20240201.parquet")[1])  # type: ignore[arg-type]
    assert (result.loaded_rows, result.quarantined_rows) == (2, 1)
    rows = company.query(
        "select sale_id, cast(amount as varchar), cast(sold_at as varchar), is_gift, code, _line from raw.sales"
    )
    assert rows == [
        ("1", "1.5000", "2024-01-31 09:00:00", True, "A", 1),
        ("2", "59.8500", "2024-01-31 09:00:00", None, None, 2),
    ]
    assert json.loads(company.bad_rows()[0][3])["id"] == 3


def workbook(path: Path) -> bytes:
    """A workbook with a title, a header in the third row, real dates and numbers, a blank row and text."""
    book = xlsxwriter.Workbook(str(path))
    book.add_worksheet("Deckblatt").write(0, 0, "nothing here")
    sheet = book.add_worksheet("Antworten")
    day = book.add_format({"num_format": "dd.mm.yyyy"})
    sheet.write(0, 0, "Umfrage")
    sheet.write_row(2, 0, ["Nr", "Wert", "Tag", "Zeit"])
    sheet.write_row(3, 0, [1, 12.5])
    sheet.write_number(3, 2, 45322, day)
    sheet.write_number(3, 3, 45322.5, book.add_format({"num_format": "dd.mm.yyyy hh:mm"}))
    sheet.write_row(5, 0, ["2", "x", "2024-02-01"])
    sheet.write_row(6, 0, ["3", "4", "2024-02-01"])
    book.close()
    return path.read_bytes()


@pytest.mark.parametrize("skip", [1, 2])
def test_one_sheet_of_a_workbook(company: Company, tmp_path: Path, skip: int) -> None:
    company.mapping(
        mapping(
            f"type: excel, sheet: Antworten, skip_rows: {skip}",
            columns="{sale_id: Nr, amount: Wert, sold_date: Tag, sold_at: Zeit}",
        )
    )
    company.deliver("sales_20240131.xlsx", workbook(tmp_path / "book.xlsx"))
    result = company.ingest_one()
    assert (result.reason, result.delivered_rows, result.loaded_rows) == ("", 3, 2)
    rows = company.query(
        "select sale_id, cast(amount as varchar), cast(sold_date as varchar), cast(sold_at as varchar)"
        " from raw.sales order by 1"
    )
    assert rows == [("1", "12.5000", "2024-01-31", "2024-01-31 12:00:00"), ("3", "4.0000", "2024-02-01", None)]
    assert company.bad_rows()[0][:3] == (6, "amount", "not a number: 'x'")
    assert company.column("_line") == [4, 7]


def test_a_missing_sheet_is_named(company: Company, tmp_path: Path) -> None:
    company.mapping(mapping("type: excel, sheet: Antwort", columns="{sale_id: Nr}"))
    company.deliver("sales_20240131.xlsx", workbook(tmp_path / "book.xlsx"))
    assert company.ingest_one().reason == "unreadable: the workbook has no sheet 'Antwort', only Deckblatt, Antworten."


@pytest.mark.parametrize("share", [0.3, 0.6, 0.95])
def test_a_truncated_workbook_or_parquet_is_refused(company: Company, tmp_path: Path, share: float) -> None:
    company.mapping(mapping("type: excel, sheet: Antworten", files="sales_{date:%Y%m%d}.xlsx", columns="{sale_id: Nr}"))
    company.mapping(
        mapping("type: parquet", files="sales_{date:%Y%m%d}.parquet", columns="{sale_id: id}"), name="parquet"
    )
    book = workbook(tmp_path / "book.xlsx")
    company.deliver("sales_20240101.xlsx", book[: int(len(book) * share)])
    buffer = io.BytesIO()
    pl.DataFrame({"id": [str(number) for number in range(1000)]}).write_parquet(buffer)
    company.deliver("sales_20240101.parquet", buffer.getvalue()[: int(len(buffer.getvalue()) * share)])
    assert [result.reason.split(":")[0] for result in company.ingest()] == ["truncated", "truncated"]


def test_a_text_without_line_ends_is_refused_before_it_fills_the_memory(company: Company) -> None:
    company.mapping(mapping("type: csv", files="sales_{date:%Y%m%d}.csv"))
    company.mapping(mapping("type: ndjson", files="sales_{date:%Y%m%d}.json", columns="{sale_id: id}"), name="json")
    company.deliver("sales_20240101.csv", "id,amount,state\n" + "x" * 500)
    company.deliver("sales_20240101.json", "x" * 500)
    with (
        patch.object(content, "BLOCK_BYTES", 32),
        patch("dagster_project.ingestion.readers.delimited.MAX_RECORD_BYTES", 100),
        patch("dagster_project.ingestion.readers.documents.MAX_RECORD_BYTES", 100),
    ):
        reasons = [result.reason for result in company.ingest()]
    assert all("is longer than" in reason for reason in reasons), reasons


def test_parquet_of_every_type_can_be_quarantined(company: Company) -> None:
    company.mapping(
        mapping("type: parquet", columns="{sale_id: id, amount: {from: bytes, optional: true}, code: time}")
    )
    frame = pl.DataFrame(
        {
            "id": ["1"],
            "bytes": [b"\x00\x01"],
            "time": pl.Series([5], dtype=pl.Int64).cast(pl.Time),
            "span": pl.Series([5], dtype=pl.Int64).cast(pl.Duration("us")),
            "list": [[1, 2]],
        }
    )
    buffer = io.BytesIO()
    frame.write_parquet(buffer)
    company.deliver("sales_20240101.parquet", buffer.getvalue())
    result = company.ingest_one()
    assert (result.quarantined_rows, result.status) == (1, "refused")


def test_a_file_that_may_not_be_read_hurts_no_other(company: Company, monkeypatch: pytest.MonkeyPatch) -> None:
    company.mapping(SALES_CSV)
    company.deliver("sales_20240101.csv", "id,amount\n1,1\n")
    company.deliver("sales_20240102.csv", "id,amount\n2,2\n")
    readable = landing.content_hash

    def forbidden(path: Path) -> str:
        if path.name == "sales_20240101.csv":
            raise PermissionError(13, "Permission denied")
        return readable(path)

    monkeypatch.setattr(landing, "content_hash", forbidden)
    refused, loaded = company.ingest()
    assert (refused.status, refused.reason, loaded.status) == ("refused", "unreadable: Permission denied.", "loaded")

"""What holds for the files themselves: dates, dialects, growth with the number of customers."""

from __future__ import annotations

import gzip
import io
import json
import re
from collections import Counter
from collections.abc import Iterator
from datetime import date, datetime, timedelta
from pathlib import Path

import polars as pl
import pytest

from dagster_project.simulation import SimulationResult, simulate

EVENT_COLUMNS = {
    "salesforce": ["CreatedDate", "SystemModstamp", "CompletedDateTime", "StartDateTime", "ConvertedDate"],
    "shopify": ["Created At", "Updated At", "Created at", "Processed at"],
    "mailchimp": ["Sent At", "Timestamp", "Since", "LAST_CHANGED", "OPTIN_TIME", "Last Changed"],
    "navision": ["Geändert am", "Auftragsdatum", "Buchungsdatum", "Beginn", "Versandt am", "Entschieden am"],
}
MOMENT = re.compile(r"(\d{4})-(\d\d)-(\d\d)|(\d\d)\.(\d\d)\.(\d{4})")


def named_date(path: Path) -> date:
    found = re.search(r"\d{8}", path.name)
    assert found is not None
    return date(int(found[0][:4]), int(found[0][4:6]), int(found[0][6:]))


def read_text_csv(path: Path) -> pl.DataFrame:
    german = path.parent.name == "navision"
    text = path.read_bytes().decode("cp1252" if german else "utf-8")
    frame = pl.read_csv(io.StringIO(text), separator=";" if german else ",", infer_schema=False)
    return frame.with_columns(pl.all().replace("", None))


def _days(values: pl.Series) -> Iterator[date]:
    for value in values.drop_nulls().unique():
        found = MOMENT.search(value)
        if found is not None:
            year, month, day = found[1] or found[6], found[2] or found[5], found[3] or found[4]
            yield date(int(year), int(month), int(day))


def _torn(company: SimulationResult) -> set[str]:
    dirt = json.loads((company.truth / "truth.json").read_text())["dirt"]
    return {entry["file"] for entry in dirt if entry["kind"] == "truncated"}


@pytest.mark.parametrize("system", sorted(EVENT_COLUMNS))
def test_no_csv_holds_an_event_after_its_date(company: SimulationResult, system: str) -> None:
    torn = _torn(company)
    checked = 0
    for path in sorted((company.landing / system).iterdir()):
        if f"{system}/{path.name}" in torn:
            continue
        frame = read_text_csv(path)
        for column in set(EVENT_COLUMNS[system]) & set(frame.columns):
            # Local times run up to two hours ahead of the UTC day a file covers.
            latest = named_date(path) + timedelta(days=0 if system in ("salesforce", "mailchimp") else 1)
            days = list(_days(frame[column]))
            assert all(day <= latest for day in days), (path.name, column)
            checked += len(days)
    assert checked > 100


def test_no_ticket_file_holds_an_event_after_its_date(company: SimulationResult) -> None:
    for path in sorted((company.landing / "zendesk").iterdir()):
        data = gzip.decompress(path.read_bytes()) if path.suffix == ".gz" else path.read_bytes()
        moments = re.findall(rb'"(\d{4}-\d\d-\d\d)T[\d:]+Z"', data)
        assert max(moments).decode() <= named_date(path).isoformat(), path.name


@pytest.mark.parametrize("system", ["loyalty", "social"])
def test_no_nested_file_holds_an_event_after_its_date(company: SimulationResult, system: str) -> None:
    for path in sorted((company.landing / system).iterdir()):
        data = gzip.decompress(path.read_bytes()) if path.suffix == ".gz" else path.read_bytes()
        moments = re.findall(rb'"(\d{4}-\d\d-\d\d)T[\d:]+Z"', data)
        assert max(moments).decode() <= named_date(path).isoformat(), path.name


def test_the_shops_write_unicode_text(company: SimulationResult) -> None:
    for path in sorted((company.landing / "store").iterdir()):
        data = path.read_bytes()
        assert data.startswith(b"\xff\xfe")
        days = list(_days(pl.Series(re.findall(r"\t(\d\d\.\d\d\.\d{4}) ", data.decode("utf-16")))))
        assert max(days) <= named_date(path), path.name


def test_no_session_file_holds_an_event_after_its_date(company: SimulationResult) -> None:
    for path in sorted((company.landing / "web").iterdir()):
        latest = pl.read_parquet(path).select(pl.max_horizontal("started_at", "ended_at").max()).item()
        assert latest.date() <= named_date(path), path.name


def test_a_workbook_can_be_read_and_ends_with_its_date(company: SimulationResult) -> None:
    path = sorted((company.landing / "survey").iterdir())[0]
    frame = pl.read_excel(path, sheet_name="Antworten")
    assert {"Fragebogen", "Wert", "Eingeladen am", "Beantwortet am"} <= set(frame.columns)
    latest = frame["Beantwortet am"].max()
    assert isinstance(latest, datetime)
    assert latest.date() <= named_date(path) + timedelta(days=1)


def test_the_erp_writes_german(company: SimulationResult) -> None:
    path = sorted((company.landing / "navision").glob("Auftraege_*"))[3]
    data = path.read_bytes()
    assert b"W\xe4hrung" in data
    assert b"\r\n" in data
    assert re.search(rb";\d{1,3}(\.\d{3})*,\d\d;", data)


def test_only_the_first_row_of_a_shop_order_carries_its_fields(company: SimulationResult) -> None:
    path = sorted((company.landing / "shopify").glob("orders_export_*"))[2]
    frame = read_text_csv(path).with_row_index()
    firsts = frame.filter(pl.col("Financial Status").is_not_null())
    assert firsts["Name"].n_unique() == firsts.height == frame["Name"].n_unique()
    assert frame.group_by("Name").agg(pl.col("index").min())["index"].sort().to_list() == firsts["index"].to_list()


def test_shop_totals_are_the_sums_of_their_lines(company: SimulationResult) -> None:
    for path in sorted((company.landing / "shopify").glob("orders_export_*")):
        number = {
            name: pl.col(name).cast(pl.Float64) for name in ("Lineitem quantity", "Lineitem price", "Lineitem discount")
        }
        net = number["Lineitem quantity"] * number["Lineitem price"] - number["Lineitem discount"]
        orders = (
            read_text_csv(path).group_by("Name").agg(lines=net.sum(), total=pl.col("Subtotal").cast(pl.Float64).sum())
        )
        assert (orders["lines"] - orders["total"]).abs().max() < 0.005, path.name  # type: ignore[operator]


def test_rows_grow_with_the_number_of_customers(tmp_path: Path) -> None:
    def rows(customers: int) -> Counter[str]:
        result = simulate(customers=customers, months=6, seed=5, start=date(2024, 1, 1), out=tmp_path / str(customers))
        counts: Counter[str] = Counter()
        for path in result.landing.rglob("*"):
            if path.is_file():
                counts[path.parent.name] += path.stat().st_size
        return counts

    small, large = rows(500), rows(2_000)
    for system in ("salesforce", "shopify", "zendesk", "mailchimp", "web"):
        assert 2.8 < large[system] / small[system] < 5.6, system


def test_names_that_a_spreadsheet_would_run_are_there(company: SimulationResult) -> None:
    found = [path for path in (company.landing / "shopify").glob("customers_*") if b"=HYPERLINK" in path.read_bytes()]
    assert found

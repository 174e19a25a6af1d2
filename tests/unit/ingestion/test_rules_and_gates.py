"""Rules send rows to quarantine, gates refuse batches whole; either way the reason is said and the rest goes on."""

from __future__ import annotations

from datetime import date

import pytest

from dagster_project.errors import CrmError
from dagster_project.ingestion import BatchProfile, Finding, ingest, replay_quarantine
from tests.unit.ingestion.company import CUSTOMERS_CSV, DAY, SALES, SALES_CSV, Company

ALL = (
    "{sale_id: id, amount: amount, pieces: pieces, sold_date: day, state: state, code: code,"
    " sold_at: {from: at, optional: true}}"
)
HEADER = "id,amount,pieces,day,state,code"


@pytest.mark.parametrize(
    ("row", "column", "reason"),
    [
        (",1,1,2024-01-01,open,A", "sale_id", "required, but empty"),
        ("1,x,1,2024-01-01,open,A", "amount", "not a number: 'x'"),
        ("1,-1,1,2024-01-01,open,A", "amount", "below the minimum 0"),
        ("1,1,1001,2024-01-01,open,A", "pieces", "above the maximum 1000"),
        ("1,1,1,1989-12-31,open,A", "sold_date", "below the minimum 1990-01-01"),
        ("1,1,1,2024-01-01,Open,A", "state", "'Open' is not one of open, paid"),
        ("1,1,1,2024-01-01,open,a", "code", "'a' does not have the declared shape"),
        ("1,1,1,2024-01-01,open,ABCDEF", "code", "longer than 5 characters"),
        ("1,x,1,2024-01-01,Open,A", "amount", "not a number: 'x'; state: 'Open' is not one of open, paid"),
    ],
)
def test_a_row_that_breaks_a_rule_is_quarantined_with_its_text(
    company: Company, row: str, column: str, reason: str
) -> None:
    company.mapping(SALES_CSV.replace("{sale_id: id, amount: amount}", ALL))
    company.deliver("sales_20240101.csv", f"{HEADER}\n7,,,,,\n{row}\n8,1,1,1990-01-01,paid,ABCDE\n")
    result = company.ingest_one()
    assert (result.loaded_rows, result.quarantined_rows) == (2, 1)
    assert company.bad_rows() == [(3, column, reason, row)]
    assert company.column("sale_id") == ["7", "8"]


def sales(count: int, *, bad: int = 0) -> str:
    return "id,amount\n" + "".join(f"{number},1\n" for number in range(count - bad)) + "9,x\n" * bad


@pytest.mark.parametrize(
    ("content", "extra", "reason"),
    [
        ("nr,amount\n1,1\n", "", "missing column: the file has no 'id'. Known are: amount, nr."),
        ("Id,amount\n1,1\n", "", "missing column: the file has no 'id'. Did you mean 'Id'?"),
        ("a,b\n1,1\n", "", "missing column: the file has no 'id' (and 1 more). Known are: a, b."),
        ("id,amount,new\n1,1,1\n", "unknown_columns: reject", "unknown column: the file brings 'new', and"),
        ("7,eva@mail.example\n8,1\n", "", "missing column: the file has no 'id' (and 1 more). What stands where"),
        ("id,amount,+49 30 123456\n1,1,1\n", "unknown_columns: reject", "unknown column: 1 of the file's"),
        (sales(40, bad=37), "", "bad rows: 37 of 40 rows (92.5%) break the contract, 90.0% are allowed."),
        (sales(40, bad=3), "bounds: {max_bad_share: 0.05}", "bad rows: 3 of 40 rows (7.5%) break the contract, 5.0%"),
        (sales(1, bad=1), "bounds: {max_bad_share: 0.05}", "bad rows: 1 of 1 rows (100.0%)"),
        (sales(0), "bounds: {min_rows: 1}", "too few rows: the file delivers 0, at least 1 are expected."),
    ],
)
def test_a_batch_is_refused_whole(company: Company, content: str, extra: str, reason: str) -> None:
    company.mapping(SALES_CSV + extra + "\n")
    company.deliver("sales_20240101.csv", content)
    result = company.ingest_one()
    assert (result.status, result.loaded_rows) == ("refused", 0)
    assert result.reason.startswith(reason), result.reason
    assert result.delivered_rows == result.quarantined_rows
    assert result.is_warning
    assert company.query("select count(*) from raw.sales") == [0]
    assert company.query("select reason from journal.batches") == [result.reason]


def test_a_missing_key_of_json_is_a_missing_column_and_an_empty_one_is_not(company: Company) -> None:
    company.mapping(SALES_CSV.replace("feeds:", "format: {type: ndjson}\nfeeds:"))
    company.deliver("sales_20240101.csv", '{"id": 1, "amount": null}\n')
    company.deliver("sales_20240102.csv", '{"id": 1}\n')
    assert [result.reason[:23] for result in company.ingest()] == ["", "missing column: the fil"]


def test_two_bad_rows_never_refuse_a_small_batch(company: Company) -> None:
    company.mapping(SALES_CSV + "bounds: {max_bad_share: 0.05}\n")
    company.deliver("sales_20240101.csv", sales(4, bad=2))
    result = company.ingest_one()
    assert (result.status, result.loaded_rows, result.quarantined_rows) == ("loaded", 2, 2)


def test_an_empty_full_export_is_refused(company: Company) -> None:
    company.mapping(CUSTOMERS_CSV)
    company.deliver("customers_20240101.csv", "id,name\n")
    assert company.ingest_one().reason.startswith("too few rows")


@pytest.mark.parametrize(
    ("at", "status"), [("2024-01-02 23:59", "loaded"), ("2024-01-03 00:00", "refused"), ("", "loaded")]
)
def test_events_after_the_batch_are_refused(company: Company, at: str, status: str) -> None:
    company.mapping(SALES_CSV.replace("amount: amount", "amount: amount, sold_at: at"))
    company.deliver("sales_20240101.csv", f"id,amount,at\n1,1,{at}\n")
    result = company.ingest_one()
    assert result.status == status
    assert ("future events: the newest sold_at is 2024-01-03" in result.reason) == (status == "refused")


def customers(count: int) -> str:
    return "id,name\n" + "".join(f"{number},x\n" for number in range(count))


@pytest.mark.parametrize(
    ("counts", "statuses"),
    [
        ([200, 99], ["loaded", "refused"]),
        ([200, 100], ["loaded", "loaded"]),
        ([200, 601], ["loaded", "refused"]),
        ([200, 600], ["loaded", "loaded"]),
        ([60, 600], ["loaded", "loaded"]),
        ([8, 2], ["loaded", "loaded"]),
        ([200, 90, 210], ["loaded", "refused", "loaded"]),
        ([100, 200, 300, 600], ["loaded"] * 4),
    ],
)
def test_volumes_far_from_the_batches_before_are_refused(
    company: Company, counts: list[int], statuses: list[str]
) -> None:
    company.mapping(CUSTOMERS_CSV)
    for day, count in enumerate(counts, start=1):
        company.deliver(f"customers_202401{day:02}.csv", customers(count))
    results = company.ingest()
    assert [result.status for result in results] == statuses
    for result in results:
        assert result.reason.startswith("volume: ") == (result.status == "refused")


def test_a_late_file_changes_the_verdict_on_a_later_one(company: Company) -> None:
    company.mapping(CUSTOMERS_CSV)
    company.deliver("customers_20240102.csv", customers(50))
    assert [result.status for result in company.ingest()] == ["loaded"]
    company.deliver("customers_20240101.csv", customers(200))
    assert [result.status for result in company.ingest()] == ["loaded", "refused"]
    company.deliver("customers_20240101.csv", customers(40))
    assert [result.status for result in company.ingest()] == ["loaded", "loaded"]


def test_widened_bounds_let_a_refused_batch_in(company: Company) -> None:
    company.mapping(CUSTOMERS_CSV)
    company.deliver("customers_20240101.csv", customers(200))
    company.deliver("customers_20240102.csv", customers(50))
    company.ingest()
    company.mapping(CUSTOMERS_CSV + "bounds: {min_volume_ratio: 0.2}\n")
    assert [result.status for result in company.ingest()] == ["loaded", "loaded"]


def test_an_old_newest_batch_is_said_to_be_stale(company: Company) -> None:
    company.mapping(CUSTOMERS_CSV)
    company.deliver("customers_20240101.csv", customers(5))
    fresh = ingest(catalog=company.catalog, settings=company.settings, as_of=date(2024, 1, 11))
    stale = ingest(catalog=company.catalog, settings=company.settings, as_of=date(2024, 1, 12))
    assert [result.status for result in fresh] == ["loaded"]
    assert [result.status for result in stale] == ["unchanged", "stale"]
    assert stale[1].reason == "stale: the newest batch is of 2024-01-01, 11 days old; 10 are allowed."
    assert stale[1].is_warning


def stale_reasons(company: Company) -> list[str]:
    results = ingest(catalog=company.catalog, settings=company.settings, as_of=date(2024, 1, 5))
    return [result.reason for result in results if result.status == "stale"]


def test_a_refused_snapshot_is_recalled_every_night_until_a_newer_one_is_loaded(company: Company) -> None:
    company.mapping(CUSTOMERS_CSV)
    company.deliver("customers_20240101.csv", customers(200))
    company.deliver("customers_20240102.csv", customers(50))
    assert [result.status for result in company.ingest()] == ["loaded", "refused"]
    told = ["stale: customers_20240102.csv is still refused; replace it, or take it out of the landing directory."]
    assert stale_reasons(company) == told
    assert stale_reasons(company) == told
    company.deliver("customers_20240103.csv", customers(210))
    assert stale_reasons(company) == []


def test_a_refused_portion_is_recalled_until_it_is_mended_or_taken_away(company: Company) -> None:
    company.mapping(SALES_CSV)
    refused = company.deliver("sales_20240101.csv", "id,amt\n1,2\n")
    company.deliver("sales_20240102.csv", "id,amount\n1,2\n")
    assert [result.status for result in company.ingest()] == ["refused", "loaded"]
    (reason,) = stale_reasons(company)
    assert reason.startswith("stale: sales_20240101.csv is still refused")
    refused.unlink()
    assert stale_reasons(company) == []


def test_a_night_does_not_go_back_behind_what_is_loaded(company: Company) -> None:
    company.mapping(CUSTOMERS_CSV)
    company.deliver("customers_20240101.csv", customers(5))
    company.deliver("customers_20240103.csv", customers(6))
    company.ingest(date(2024, 1, 3))
    with pytest.raises(CrmError, match="already holds files of 2024-01-03"):
        company.ingest(date(2024, 1, 2))


def test_a_validator_sees_a_profile_before_the_rows_and_may_refuse(company: Company) -> None:
    company.contract(SALES)
    company.mapping(SALES_CSV)
    company.deliver("sales_20240101.csv", "id,amount\n1,2.50\n2,\n3,x\n1,2.5\n")
    seen: list[BatchProfile] = []

    def validate(profile: BatchProfile) -> list[Finding]:
        seen.append(profile)
        return [Finding("refuse", "too cheap"), Finding("warn", "few")]

    (refused,) = company.ingest(validate=validate)
    assert (refused.status, refused.reason) == ("refused", "check: too cheap")
    assert [finding.text for finding in refused.findings] == ["too cheap", "few"]
    profile = seen[0]
    assert (profile.file, profile.loaded_rows, profile.quarantined_rows, profile.duplicate_rows) == (
        "sales_20240101.csv",
        2,
        1,
        1,
    )
    amount = next(column for column in profile.columns if column.column == "amount")
    assert (amount.type, amount.row_count, amount.bad_count, amount.minimum) == ("decimal", 3, 1, "2.5000")
    assert (amount.null_count, amount.distinct_count) == (1, 2)


def test_a_validator_that_only_warns_lets_the_batch_in(company: Company) -> None:
    company.mapping(SALES_CSV)
    company.deliver("sales_20240101.csv", sales(3))
    (result,) = company.ingest(DAY, validate=lambda _: [Finding("warn", "few")])
    assert (result.status, result.is_warning) == ("loaded", True)


def test_a_check_that_changes_its_mind_leaves_what_is_loaded(company: Company) -> None:
    company.mapping(SALES_CSV)
    company.deliver("sales_20240101.csv", "id,amount\n1,1\n2,x\n")
    company.ingest()
    refusing = {"catalog": company.catalog, "settings": company.settings, "as_of": DAY}
    (result,) = replay_quarantine(**refusing, validate=lambda _: [Finding("refuse", "no")])  # type: ignore[arg-type]
    assert result.status == "refused"
    assert company.column("sale_id") == ["1"]
    assert [result.status for result in company.ingest()] == ["unchanged"]

"""The truth agrees with the files, computed from them by plain means that share no code with the truth."""

from __future__ import annotations

import gzip
import json
from collections import Counter
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from dagster_project.simulation import SimulationResult
from tests.unit.simulation.test_files import named_date, read_text_csv

FCR_WINDOW = timedelta(days=7)


def _latest(folder: Path, pattern: str, key: str) -> pl.DataFrame:
    """The last state of each record over all files of an export."""
    paths = sorted(folder.glob(pattern), key=lambda path: (named_date(path), path.name))
    frames = [read_text_csv(path) for path in paths]
    return pl.concat(frames, how="diagonal").unique(key, keep="last", maintain_order=True)


def _kpi_truth(company: SimulationResult) -> dict[str, Any]:
    truth: dict[str, Any] = json.loads((company.truth / "kpi_truth.json").read_text())
    return truth


def test_wins_and_losses_by_month_are_those_of_the_export(company: SimulationResult) -> None:
    deals = _latest(company.landing / "salesforce", "Opportunity_*", "Id").filter(~pl.col("Id").str.starts_with("BAD-"))
    counted = deals.filter(
        (pl.col("IsDeleted") == "false") & pl.col("MergedInto__c").is_null() & (pl.col("IsClosed") == "true")
    )
    won = Counter(counted.filter(pl.col("IsWon") == "true")["CloseDate"].str.slice(0, 7).to_list())
    lost = Counter(counted.filter(pl.col("IsWon") == "false")["CloseDate"].str.slice(0, 7).to_list())
    truth = _kpi_truth(company)["monthly"]["wins"]
    assert {entry["month"][:7]: entry["won"] for entry in truth if entry["won"]} == dict(won)
    assert {entry["month"][:7]: entry["lost"] for entry in truth if entry["lost"]} == dict(lost)


def test_orders_are_those_of_the_exports(company: SimulationResult) -> None:
    truth = pl.read_parquet(company.truth / "orders.parquet")
    lines = pl.concat([read_text_csv(path) for path in (company.landing / "shopify").glob("orders_export_*")])
    shop = truth.filter(pl.col("source_system") == "shopify")
    assert set(lines["Name"]) == set(shop["order_id"])
    erp = _latest(company.landing / "navision", "Auftraege_*", "Auftragsnr.")
    known = erp.filter(~pl.col("Auftragsnr.").str.starts_with("BAD-"))
    assert set(known["Auftragsnr."]) == set(truth.filter(pl.col("source_system") == "navision")["order_id"])
    german = (
        known["Auftragswert"]
        .str.replace_all(".", "", literal=True)
        .str.replace(",", ".", literal=True)
        .cast(pl.Float64)
    )
    expected = truth.filter(pl.col("source_system") == "navision")["net_amount"].sum()
    assert german.sum() == pytest.approx(expected)


def _tickets(company: SimulationResult) -> list[dict[str, Any]]:
    latest: dict[int, dict[str, Any]] = {}
    for path in sorted((company.landing / "zendesk").glob("tickets_*"), key=lambda path: (named_date(path), path.name)):
        data = gzip.decompress(path.read_bytes()) if path.suffix == ".gz" else path.read_bytes()
        for line in data.splitlines():
            ticket = json.loads(line)
            latest[ticket["id"]] = ticket
    return list(latest.values())


def _moment(text: str) -> datetime:
    return datetime.fromisoformat(text.replace("Z", "+00:00"))


def test_first_contact_resolution_is_that_of_the_messages(company: SimulationResult) -> None:
    tickets = [ticket for ticket in _tickets(company) if not ticket["is_spam"] and not ticket["is_test"]]
    tickets = [ticket for ticket in tickets if ticket["merged_into"] is None and not ticket["is_auto_closed"]]
    opened: dict[tuple[int, str], list[datetime]] = {}
    for ticket in tickets:
        key = (ticket["requester"]["id"], ticket["custom_fields"]["topic"])
        opened.setdefault(key, []).append(_moment(ticket["created_at"]))
    truth = pl.read_parquet(company.truth / "tickets.parquet")
    expected = dict(zip(truth["ticket_id"], truth["is_solved_at_first_contact"], strict=True))
    end = datetime(company.end.year, company.end.month, company.end.day, tzinfo=UTC) - FCR_WINDOW
    checked = 0
    for ticket in tickets:
        replies = [note for note in ticket["comments"] if note["author"]["role"] == "agent" and note["public"]]
        replies = replies[1:] if ticket["is_outbound"] else replies
        solved = ticket["metrics"]["solved_at"]
        if not replies or solved is None or _moment(solved) > end:
            continue
        key = (ticket["requester"]["id"], ticket["custom_fields"]["topic"])
        again = any(_moment(solved) < at <= _moment(solved) + FCR_WINDOW for at in opened[key])
        success = len(replies) == 1 and not ticket["metrics"]["reopens"] and not again
        assert success == expected[str(ticket["id"])], ticket["id"]
        checked += 1
    assert checked > 100


def test_contract_churn_is_that_of_the_contracts(company: SimulationResult) -> None:
    contracts = _latest(company.landing / "navision", "Vertraege_*", "Vertragsnr.")
    ends = (
        contracts.with_columns(ended=pl.col("Ende").str.to_date("%d.%m.%Y"))
        .group_by("Debitorennr.")
        .agg(ended=pl.when(pl.col("ended").is_null().any()).then(None).otherwise(pl.col("ended").max()))
    )
    churned = ends.filter(pl.col("ended") <= company.end)
    truth = pl.read_parquet(company.truth / "contract_relations.parquet").drop_nulls("churned_date")
    assert Counter(churned["ended"].to_list()) == Counter(truth["churned_date"].to_list())


def _cards(company: SimulationResult) -> pl.Series:
    files = [gzip.decompress(path.read_bytes()) for path in (company.landing / "loyalty").iterdir()]
    return pl.Series([json.loads(line)["card_number"] for data in files for line in data.splitlines()])


def test_every_account_belongs_to_somebody(company: SimulationResult) -> None:
    identities = pl.read_parquet(company.truth / "identities.parquet")
    assert identities.select("source_system", "account_id").is_unique().all()
    seen = {
        "salesforce": _latest(company.landing / "salesforce", "Account_*", "Id")["Id"],
        "shopify": _latest(company.landing / "shopify", "customers_*", "Customer ID")["Customer ID"],
        "mailchimp": _latest(company.landing / "mailchimp", "audience_*", "LEID")["LEID"],
        "loyalty": _cards(company),
    }
    for system, accounts in seen.items():
        known = set(identities.filter(pl.col("source_system") == system)["account_id"])
        assert {account for account in accounts if not account.startswith("BAD-")} == known, system


def test_most_people_are_known_to_several_systems(company: SimulationResult) -> None:
    identities = pl.read_parquet(company.truth / "identities.parquet")
    systems = identities.group_by("person_id").agg(pl.col("source_system").n_unique())["source_system"]
    assert (systems > 1).mean() > 0.5  # type: ignore[operator]


@pytest.mark.parametrize("kpi", ["first_contact_resolution", "affinity_confidence", "win_rate_mature_cohort"])
def test_what_came_true_is_near_the_parameter(company: SimulationResult, kpi: str) -> None:
    for figure in _kpi_truth(company)["figures"]:
        if figure["kpi"] == kpi and figure["expected"] is not None and figure["sample_size"] > 20:
            deviation = (figure["expected"] * (1 - figure["expected"]) / figure["sample_size"]) ** 0.5
            assert abs(figure["realised"] - figure["expected"]) < 4 * deviation, figure


def test_persons_buy_as_the_truth_says(company: SimulationResult) -> None:
    customers = pl.read_parquet(company.truth / "customers.parquet")
    orders = pl.read_parquet(company.truth / "orders.parquet").filter(pl.col("person_id").is_not_null())
    process = orders.filter(pl.col("origin").is_in(["process", "opportunity"])).join(customers, on="person_id")
    assert (process["ordered_at"] >= process["first_purchase_at"]).all()
    dropped = process.filter((pl.col("origin") == "process") & ~pl.col("is_business"))
    dropped = dropped.drop_nulls("dropped_out_at")
    assert (dropped["ordered_at"] <= dropped["dropped_out_at"]).all()

"""Quotes, the cost ledger and the customer club: the files say what the truth says, computed by plain means."""

from __future__ import annotations

import csv
import gzip
import json
from collections import defaultdict
from decimal import Decimal
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from dagster_project.settings import PROJECT_ROOT
from dagster_project.simulation import SimulationResult
from dagster_project.simulation.company import BOHNENWERK
from tests.unit.simulation.test_files import named_date, read_text_csv


def _latest(company: SimulationResult, stem: str, key: str) -> pl.DataFrame:
    """The last state of each record over all files of an ERP export, without the rows that are dirt."""
    paths = sorted((company.landing / "navision").glob(f"{stem}_*"), key=lambda path: (named_date(path), path.name))
    frames = [read_text_csv(path) for path in paths]
    latest = pl.concat(frames, how="diagonal").unique(key, keep="last", maintain_order=True)
    return latest.filter(~pl.col(key).str.starts_with("BAD-"))


def _number(column: str) -> pl.Expr:
    plain = pl.col(column).str.replace_all(".", "", literal=True).str.replace(",", ".", literal=True)
    return plain.cast(pl.Decimal(18, 2))


def _movements(company: SimulationResult) -> dict[str, list[dict[str, Any]]]:
    """Movements by card number, in order of the files."""
    found: dict[str, list[dict[str, Any]]] = defaultdict(list)
    for path in sorted((company.landing / "loyalty").iterdir(), key=lambda path: (named_date(path), path.name)):
        if "_resent" not in path.name:
            for line in gzip.decompress(path.read_bytes()).splitlines():
                member = json.loads(line)
                found[member["card_number"]] += member["movements"]
                assert sum(move["points"] for move in found[member["card_number"]]) == member["points_balance"]
    return found


def _figures(company: SimulationResult) -> dict[tuple[str, str], dict[str, Any]]:
    truth = json.loads((company.truth / "kpi_truth.json").read_text())
    return {(figure["kpi"], figure["member"]): figure for figure in truth["figures"]}


def test_quotes_stand_as_the_truth_says(company: SimulationResult) -> None:
    words = {
        "Entwurf": "draft",
        "Versandt": "sent",
        "Angenommen": "accepted",
        "Abgelehnt": "declined",
        "Abgelaufen": "expired",
        "Ersetzt": "superseded",
    }
    quotes = _latest(company, "Angebote", "Angebotsnr.")
    truth = pl.read_parquet(company.truth / "quotes.parquet")
    found = {row["Angebotsnr."]: (words[row["Status"]], row["Auftragsnr."]) for row in quotes.to_dicts()}
    assert found == {row["quote_id"]: (row["status"], row["order_id"]) for row in truth.to_dicts()}
    assert set(words.values()) == set(truth["status"])
    assert quotes.select(_number("Angebotswert").sum()).item() == Decimal(str(round(truth["quoted_amount"].sum(), 2)))


def test_a_quote_has_one_version_that_counts(company: SimulationResult) -> None:
    quotes = pl.read_parquet(company.truth / "quotes.parquet")
    standing = quotes.filter(pl.col("status") != "superseded")
    latest = quotes.group_by("quote_number").agg(pl.col("quote_version").max())
    assert standing.select("quote_number", "quote_version").sort("quote_number").equals(latest.sort("quote_number"))
    assert quotes["quote_version"].max() in (2, 3)


def test_accepted_quotes_of_deals_became_the_order_of_the_deal(company: SimulationResult) -> None:
    quotes = pl.read_parquet(company.truth / "quotes.parquet").drop_nulls("order_id")
    orders = _latest(company, "Auftraege", "Auftragsnr.")
    deal_of = dict(zip(orders["Auftragsnr."], orders["Verkaufschance"], strict=True))
    assert quotes.height > 5
    assert [deal_of[order] for order in quotes["order_id"]] == quotes["opportunity_id"].to_list()
    assert set(quotes["status"]) == {"accepted"}


def test_the_ledger_adds_up_to_the_truth(company: SimulationResult) -> None:
    ledger = _latest(company, "Kostenbuchungen", "Buchungsnr.").filter(pl.col("Storniert") == "nein")
    month = pl.col("Buchungsdatum").str.slice(6, 4) + "-" + pl.col("Buchungsdatum").str.slice(3, 2) + "-01"
    sums = ledger.group_by(month=month, currency="Währung").agg(_number("Betrag").sum())
    expected: dict[tuple[str, str], Decimal] = defaultdict(Decimal)
    for row in json.loads((company.truth / "kpi_truth.json").read_text())["costs"]:
        expected[row["month"], row["currency_code"]] += Decimal(str(row["amount"]))
    assert {(row["month"], row["currency"]): row["Betrag"] for row in sums.to_dicts()} == dict(expected)


def test_the_ledger_has_what_makes_allocation_hard(company: SimulationResult) -> None:
    ledger = _latest(company, "Kostenbuchungen", "Buchungsnr.")
    assert ledger.filter(pl.col("Währung") == "USD").height == 1
    assert ledger.filter(pl.col("Betrag").str.starts_with("-")).height > 3
    assert ledger.filter(pl.col("Schlüssel").is_null()).height > 10
    assert ledger.filter((pl.col("Schlüssel") == "ohne") & (pl.col("Zweck") == "Kundenbindung")).height == 1
    direct = ledger.filter(pl.col("Schlüssel") == "direkt")
    assert direct["Debitorennr."].null_count() == 0
    assert set(ledger["Kostenart"]) == {"Personal", "Produktion", "Gemeinkosten", "Marketing", "Kundenclub", "Rabatt"}


def test_winning_and_keeping_customers_costs_a_plausible_share_of_revenue(company: SimulationResult) -> None:
    costs = pl.read_parquet(company.truth / "cost_entries.parquet")
    spent = costs.filter(pl.col("cost_purpose").is_in(["acquisition", "retention"]))["amount_eur"].sum()
    orders = pl.read_parquet(company.truth / "orders.parquet")
    revenue = orders.filter(~pl.col("origin").is_in(["cancelled", "test"]))["net_amount"].sum()
    assert 0.04 < float(spent) / float(revenue) < 0.20


def test_service_personnel_costs_what_its_answers_cost(company: SimulationResult) -> None:
    costs = pl.read_parquet(company.truth / "cost_entries.parquet").filter(
        (pl.col("cost_type") == "personnel") & (pl.col("cost_purpose") == "service") & (pl.col("amount") > 0)
    )
    cents = (costs["amount"] * 100).round().cast(pl.Int64)
    assert (cents % BOHNENWERK.service.cost_per_contact_cents == 0).mean() > 0.8  # type: ignore[operator]


def test_the_rate_of_the_dollar_is_that_of_the_seed() -> None:
    with (PROJECT_ROOT / "seeds" / "exchange_rates.csv").open() as seed:
        rates = {row["currency_code"]: float(row["rate"]) for row in csv.DictReader(seed)}
    assert rates["USD"] == BOHNENWERK.costs.usd_rate


def test_accounts_of_the_club_never_run_below_zero_and_end_as_the_truth_says(company: SimulationResult) -> None:
    balances = {}
    for card, moves in _movements(company).items():
        balance = 0
        assert moves[0]["type"] == "join"
        for move in sorted(moves, key=lambda move: str(move["id"])):
            balance += int(move["points"])
            assert balance >= 0, card
        balances[card] = balance
    truth = pl.read_parquet(company.truth / "loyalty_members.parquet")
    assert balances == dict(zip(truth["account_id"], truth["points_balance"], strict=True))
    assert sum(balances.values()) == _figures(company)["loyalty_points_outstanding", "total"]["realised"]


def test_a_point_per_euro_and_rewards_in_steps(company: SimulationResult) -> None:
    law = BOHNENWERK.loyalty
    shop = [read_text_csv(path) for path in (company.landing / "shopify").glob("orders_export_*")]
    orders = pl.concat(shop).drop_nulls("Subtotal")
    value = dict(zip(orders["Name"], orders["Subtotal"].cast(pl.Float64), strict=True))
    moves = [move for moves in _movements(company).values() for move in moves]
    earned = [move for move in moves if move["type"] == "earn"]
    assert len(earned) > 100
    assert all(move["points"] == int(value[move["order"]["name"]] + 1e-9) for move in earned)
    redeemed = [move for move in moves if move["type"] == "redeem"]
    assert redeemed
    assert all(-move["points"] % law.points_per_step == 0 for move in redeemed)
    assert all(
        move["reward"]["cost_cents"] == -move["points"] * law.reward_cents_per_100_points // 100 for move in redeemed
    )
    assert {move["type"] for move in moves} == {"join", "earn", "redeem", "expire", "adjust", "leave"}


def test_the_club_moves_members_only_and_as_often_as_stated(company: SimulationResult) -> None:
    members = pl.read_parquet(company.truth / "loyalty_members.parquet")
    orders = pl.read_parquet(company.truth / "orders.parquet").filter(pl.col("origin") == "loyalty")
    joined = orders.join(members, on="person_id", how="left")
    assert joined["account_id"].null_count() == 0
    assert ((joined["ordered_at"] > joined["joined_at"]) & (joined["ordered_at"] <= joined["active_until"])).all()
    assert members["extra_order_count"].sum() == orders.height
    figure = _figures(company)["loyalty_extra_orders_per_active_month", "total"]
    deviation = (figure["expected"] / figure["sample_size"]) ** 0.5
    assert abs(figure["realised"] - figure["expected"]) < 4 * deviation


@pytest.mark.parametrize("file", ["quotes", "cost_entries", "loyalty_members"])
def test_a_table_of_the_truth_has_one_row_per_key(company: SimulationResult, file: str) -> None:
    frame = pl.read_parquet(Path(company.truth) / f"{file}.parquet")
    assert frame.height > 10
    assert frame[frame.columns[0]].is_unique().all()

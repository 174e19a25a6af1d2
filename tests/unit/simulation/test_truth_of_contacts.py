"""Buying centers, priorities, waves, shops and networks: the files say what the truth says, computed by plain means."""

from __future__ import annotations

import gzip
import io
import json
from collections import Counter, defaultdict
from datetime import date, timedelta
from typing import Any

import polars as pl
import pytest

from dagster_project.simulation import SimulationResult
from dagster_project.simulation.company import BOHNENWERK
from dagster_project.simulation.figures import counted
from dagster_project.simulation.horizon import DAY, Horizon
from dagster_project.simulation.world import make_world
from tests.unit.simulation.test_files import named_date, read_text_csv


def _rows(company: SimulationResult, system: str, stem: str) -> pl.DataFrame:
    """All rows of an export, in order of the files, without copies and dirt."""
    paths = sorted((company.landing / system).glob(f"{stem}_*"), key=lambda path: (named_date(path), path.name))
    frames = [read_text_csv(path) for path in paths if "_resent" not in path.name]
    frame = pl.concat(frames, how="diagonal")
    return frame.filter(~pl.col(frame.columns[0]).str.starts_with("BAD-"))


def _visits(company: SimulationResult) -> pl.DataFrame:
    texts = [path.read_bytes().decode("utf-16") for path in sorted((company.landing / "store").iterdir())]
    frames = [pl.read_csv(io.StringIO(text), separator="\t", infer_schema=False) for text in texts]
    visits = pl.concat(frames).with_columns(pl.all().replace("", None))
    return visits.filter(~pl.col("Besuch-Nr.").str.starts_with("BAD-")).unique(maintain_order=True)


def _reactions(company: SimulationResult) -> list[dict[str, Any]]:
    lines = [line for path in sorted((company.landing / "social").iterdir()) for line in path.read_text().splitlines()]
    return [reaction for reaction in map(json.loads, lines) if not reaction["id"].startswith("BAD-")]


def _truth(company: SimulationResult) -> dict[str, Any]:
    truth: dict[str, Any] = json.loads((company.truth / "kpi_truth.json").read_text())
    return truth


def _figures(company: SimulationResult, kpi: str) -> dict[str, dict[str, Any]]:
    return {figure["member"]: figure for figure in _truth(company)["figures"] if figure["kpi"] == kpi}


def test_roles_reached_in_closed_deals_are_those_of_the_activities(company: SimulationResult) -> None:
    roles = dict(_rows(company, "salesforce", "Contact").select("Id", "BuyingRole__c").iter_rows())
    reached: dict[str, set[str]] = defaultdict(set)
    for stem in ("Task", "Event"):
        rows = _rows(company, "salesforce", stem).drop_nulls(["WhoId", "WhatId"])
        for contact, deal in rows.select("WhoId", "WhatId").iter_rows():
            reached[deal].add(roles.get(contact, "").lower())
    deals = _rows(company, "salesforce", "Opportunity").unique("Id", keep="last")
    closed = deals.filter(
        (pl.col("IsDeleted") == "false") & pl.col("MergedInto__c").is_null() & (pl.col("IsClosed") == "true")
    )
    figures = _figures(company, "buying_role_reached")
    assert len(figures) == 10
    for member, figure in figures.items():
        outcome, role = member.split("|")
        chosen = closed.filter(pl.col("IsWon") == ("true" if outcome == "won" else "false"))["Id"]
        assert figure["sample_size"] == chosen.len()
        share = sum(role in reached[deal] for deal in chosen) / chosen.len()
        assert abs(figure["realised"] - share) < 1e-6, member


def test_won_deals_reach_the_decider_more_often(company: SimulationResult) -> None:
    figures = _figures(company, "decider_reached")
    assert figures["won"]["realised"] > figures["lost"]["realised"] + 0.1


def test_managers_do_their_share(company: SimulationResult) -> None:
    staff = _rows(company, "navision", "Mitarbeiter").unique("Personalnr.", keep="last")
    managers = set(staff.filter(pl.col("Führungskraft") == "ja")["Personalnr."])
    owners = pl.concat([_rows(company, "salesforce", stem)["OwnerId"] for stem in ("Task", "Event")])
    figure = _figures(company, "management_contact_share")["total"]
    assert owners.is_in(list(managers)).mean() == pytest.approx(figure["realised"])
    assert figure["expected"] == BOHNENWERK.sales.management_share


def test_some_deals_of_the_shown_company_were_closed_before_they_were_entered() -> None:
    horizon = Horizon(date(2023, 1, 1), 36)
    world = make_world(BOHNENWERK, horizon, customers=2000, seed=7, on_progress=lambda _step: None)
    deals = counted(world).filter(pl.col("close_day") < pl.col("created_at") // DAY)
    assert deals.height >= 3
    assert deals["is_imported"].all()


def test_a_priority_changes_in_later_files(company: SimulationResult) -> None:
    seen: dict[str, list[str]] = defaultdict(list)
    for path in sorted((company.landing / "zendesk").glob("tickets_*"), key=lambda path: (named_date(path), path.name)):
        data = gzip.decompress(path.read_bytes()) if path.suffix == ".gz" else path.read_bytes()
        for ticket in map(json.loads, data.splitlines()):
            seen[str(ticket["id"])].append(ticket["priority"])
    truth = pl.read_parquet(company.truth / "tickets.parquet")
    end = truth["priority_changed_at"] < pl.Series([company.end + timedelta(days=1)]).cast(pl.Datetime("us")).item()
    final = truth.with_columns(final=pl.when(end.fill_null(value=False)).then("later_priority").otherwise("priority"))
    assert {key: states[-1] for key, states in seen.items()} == dict(
        final.select("ticket_id", "final").filter(pl.col("ticket_id").is_in(list(seen))).iter_rows()
    )
    first = dict(truth.select("ticket_id", "priority").iter_rows())
    changed = [key for key, states in seen.items() if states[0] != states[-1]]
    assert len(changed) > 5
    assert all(seen[key][0] == first[key] for key in changed)


def test_some_mailings_go_out_in_two_waves_to_people_who_still_agree(company: SimulationResult) -> None:
    recipients = _rows(company, "mailchimp", "recipients").drop_nulls("Sent At")
    waves = recipients.group_by("Campaign ID").agg(pl.col("Wave").n_unique())
    assert set(waves["Wave"]) == {1, 2}
    days = recipients.group_by("Campaign ID", "Wave").agg(pl.col("Sent At").str.slice(0, 10).unique())
    assert all(len(entry) == 1 for entry in days["Sent At"].to_list())
    statements = _rows(company, "mailchimp", "consent_log").filter(pl.col("Channel") == "email")
    left = statements.filter(pl.col("Event") == "unsubscribed").group_by("LEID").agg(left=pl.col("Timestamp").min())
    written = recipients.filter(pl.col("Group") == "treated").join(left, on="LEID", how="inner")
    assert (written["Sent At"] < written["left"]).all()


def test_visits_are_counted_as_they_happened(company: SimulationResult) -> None:
    visits = _visits(company)
    months = Counter((visits["Ankunft"].str.slice(6, 4) + "-" + visits["Ankunft"].str.slice(3, 2)).to_list())
    truth = {row["month"][:7]: row for row in _truth(company)["monthly"]["store_visits"]}
    assert {month: row["visits"] for month, row in truth.items()} == dict(months)
    assert sum(row["purchases"] for row in truth.values()) == visits.filter(pl.col("Kauf") == "ja").height
    known = visits.filter(pl.col("E-Mail").is_not_null() | pl.col("Kundennummer").is_not_null())
    assert sum(row["known"] for row in truth.values()) == known.height
    shop = pl.concat([read_text_csv(path) for path in (company.landing / "shopify").glob("orders_export_*")])
    tills = set(shop.filter(pl.col("Source") == "pos")["Name"])
    assert set(visits["Bon"].drop_nulls()) <= tills


def test_shops_are_closed_on_sundays(company: SimulationResult) -> None:
    arrived = _visits(company)["Ankunft"].str.to_datetime("%d.%m.%Y %H:%M:%S")
    tills = _visits(company)["Bon"].is_not_null()
    assert (arrived.filter(~tills).dt.weekday() < 7).all()
    assert arrived.dt.hour().is_between(7, 19).all()


def test_reactions_are_counted_as_they_happened(company: SimulationResult) -> None:
    found = Counter((reaction["created_at"][:7], reaction["type"]) for reaction in _reactions(company))
    for row in _truth(company)["monthly"]["social_engagements"]:
        for kind, count in row.items():
            if kind != "month":
                assert found[row["month"][:7], kind] == count


def test_only_reviews_have_stars_and_only_words_have_a_mood(company: SimulationResult) -> None:
    for reaction in _reactions(company):
        assert (reaction["rating"] is not None) == (reaction["type"] == "review")
        assert (reaction["sentiment"] is None) == (reaction["type"] in ("follow", "unfollow", "like", "share"))


def test_nobody_unfollows_or_reacts_before_following(company: SimulationResult) -> None:
    followed: set[str] = set()
    for reaction in _reactions(company):
        if reaction["type"] == "follow":
            followed.add(reaction["author"]["handle"])
        elif reaction["type"] != "review":
            assert reaction["author"]["handle"] in followed

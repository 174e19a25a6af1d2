"""A busier company: its customers do more, stay about as long, and it is the same one when it is drawn again."""

from __future__ import annotations

import json
import sys
from datetime import date
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from dagster_project.errors import CrmError
from dagster_project.simulation import act, simulate
from dagster_project.simulation.activity import busier
from dagster_project.simulation.branches import BRANCH_CUSTOMERS, branches_of
from dagster_project.simulation.company import BOHNENWERK, Company
from dagster_project.simulation.horizon import Horizon
from dagster_project.simulation.world import World, make_branch, make_world
from tests.unit.simulation.test_reaction import put_list

START = date(2024, 1, 1)
ACTIVITY = 2.5


@pytest.fixture(scope="module")
def worlds() -> tuple[World, World]:
    horizon = Horizon(START, 24, 0)
    companies = (BOHNENWERK, busier(BOHNENWERK, ACTIVITY))
    calm, busy = (make_world(one, horizon, customers=1500, seed=3, on_progress=lambda _step: None) for one in companies)
    return calm, busy


def test_an_activity_of_one_is_the_company_itself() -> None:
    assert busier(BOHNENWERK, 1) is BOHNENWERK


def test_customers_buy_more_and_stay_about_as_long(worlds: tuple[World, World]) -> None:
    # 1,500 first purchases come whatever the activity is; the others come 2.5 times as often.
    calm, busy = (world.orders.filter(pl.col("person") >= 0).height - 1500 for world in worlds)
    assert busy / calm == pytest.approx(ACTIVITY, rel=0.15)
    # Each purchase ends it 2.5 times as rarely, the first one too: somewhat more stay.
    stayed = [world.customers["is_alive_at_end"].mean() for world in worlds]
    assert stayed[1] == pytest.approx(stayed[0], abs=0.1)


def test_what_follows_grows_with_the_purchases(worlds: tuple[World, World]) -> None:
    for least, rows in (
        (1.8, [world.sessions.height for world in worlds]),
        (1.8, [world.service.tickets.height for world in worlds]),
        (1.5, [world.marketing.contacts.height for world in worlds]),
        (1.8, [world.engagements.height for world in worlds]),
    ):
        assert least < rows[1] / rows[0] < 1.2 * ACTIVITY


def test_deals_and_contracts_stay(worlds: tuple[World, World]) -> None:
    calm, busy = worlds
    assert busy.people.frame.equals(calm.people.frame)
    assert busy.sales.opportunities.height == pytest.approx(calm.sales.opportunities.height, rel=0.05)


def test_newsletters_reach_everybody_at_most() -> None:
    assert busier(BOHNENWERK, 10).marketing.newsletter_reach == 1


def test_a_branch_has_fewer_customers_if_they_do_more() -> None:
    assert len(branches_of(BOHNENWERK, customers=BRANCH_CUSTOMERS, seed=7)) == 1
    assert len(branches_of(busier(BOHNENWERK, ACTIVITY), customers=BRANCH_CUSTOMERS, seed=7)) == 3


def test_another_activity_is_another_company(tmp_path: Path) -> None:
    simulate(customers=60, months=3, seed=1, start=START, out=tmp_path, activity=ACTIVITY)
    assert json.loads((tmp_path / "truth" / "truth.json").read_text())["simulation"]["activity"] == ACTIVITY
    with pytest.raises(CrmError, match="another demo company"):
        simulate(customers=60, months=3, seed=1, start=START, out=tmp_path)


def test_a_busier_company_reacts_as_it_was_drawn(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    drawn: list[Company] = []

    def make(company: Company, *arguments: Any, **options: Any) -> World:
        drawn.append(company)
        return make_branch(company, *arguments, **options)

    simulate(customers=60, months=3, seed=1, start=START, out=tmp_path, activity=ACTIVITY)
    put_list(tmp_path, ["nobody"], night=date(2024, 2, 1))
    monkeypatch.setattr(sys.modules[act.__module__], "make_branch", make)
    act(out=tmp_path)
    assert drawn == [busier(BOHNENWERK, ACTIVITY)]

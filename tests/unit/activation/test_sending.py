"""What a destination gets night by night: what changed since the last file that arrived there, and nothing twice."""

from __future__ import annotations

import csv
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import pytest

from dagster_project.activation.destinations import Destination
from tests.unit.activation.warehouses import NIGHT, SEGMENT, Consent, Customer, World

NEXT, LATER = NIGHT + timedelta(days=1), NIGHT + timedelta(days=2)
PEOPLE = [Customer(f"c{number}") for number in range(6)]


def listed(*numbers: int) -> list[tuple[str, str, float]]:
    return [(f"c{number}", "because", 1.0) for number in numbers]


def place(name: str, folder: Path, *, content: Any = "both") -> dict[str, Destination]:
    return {name: Destination(name=name, url=f"file://{folder}", layout="plain", content=content)}


def rows(path: Path) -> list[dict[str, str]]:
    with path.open(encoding="utf-8-sig", newline="") as file:
        return list(csv.DictReader(file))


def arrivals(world: World, night: date) -> list[tuple[Any, ...]]:
    return world.query(
        "select destination, content, status, row_count, run_id from journal.destination_deliveries"
        f" where as_of_date = date '{night}' order by all"
    )


@pytest.fixture
def sent(world: World) -> World:
    return world.with_head(destinations=["tool"])


def test_a_destination_gets_the_list_and_then_its_changes(sent: World, tmp_path: Path) -> None:
    folder = tmp_path / "tool"
    tool = place("tool", folder)
    sent.build(PEOPLE, members=listed(0, 1, 2)).export(destinations=tool)
    sent.build(PEOPLE, members=listed(1, 2, 3)).export(NEXT, destinations=tool)
    (full,) = folder.glob(f"{SEGMENT}_{NEXT}.csv")
    (delta,) = folder.glob(f"{SEGMENT}_{NEXT}_delta*.csv")
    assert [row["customer_key"] for row in rows(full)] == ["c1", "c2", "c3"]
    assert sorted((row["change"], row["customer_key"]) for row in rows(delta)) == [("added", "c3"), ("removed", "c0")]
    assert [row[:4] for row in arrivals(sent, NEXT)] == [
        ("tool", "delta", "arrived", 2),
        ("tool", "full", "arrived", 3),
    ]


def test_what_did_not_arrive_is_made_good_by_the_next_night(sent: World, tmp_path: Path) -> None:
    tool, broken = place("tool", tmp_path / "tool"), place("tool", tmp_path / "file")
    (tmp_path / "file").write_text("in the way")
    sent.build(PEOPLE, members=listed(0, 1, 2)).export(destinations=tool)
    failed = sent.build(PEOPLE, members=listed(1, 2, 3)).export(NEXT, destinations=broken)
    assert (failed.status, failed.is_warning) == ("delivered", True)
    assert [row[:3] for row in arrivals(sent, NEXT)] == [("tool", "", "failed")]
    sent.build(PEOPLE, members=listed(1, 2, 3, 4)).export(LATER, destinations=tool)
    (delta,) = (tmp_path / "tool").glob(f"{SEGMENT}_{LATER}_delta*.csv")
    assert sorted((row["change"], row["customer_key"]) for row in rows(delta)) == [
        ("added", "c3"),
        ("added", "c4"),
        ("removed", "c0"),
    ]


def test_a_night_that_came_through_by_half_is_sent_once_more(sent: World, tmp_path: Path) -> None:
    tool = place("tool", tmp_path / "tool")
    sent.build(PEOPLE, members=listed(0, 1, 2)).export(destinations=tool)
    sent.build(PEOPLE, members=listed(1, 2, 3)).export(NEXT, destinations=tool)
    sent.query(
        "update journal.destination_deliveries set status = 'failed'"
        f" where as_of_date = date '{NEXT}' and content = 'delta'"
    )
    sent.build(PEOPLE, members=listed(1, 2, 3)).export(LATER, destinations=tool)
    (delta,) = (tmp_path / "tool").glob(f"{SEGMENT}_{LATER}_delta*.csv")
    assert sorted((row["change"], row["customer_key"]) for row in rows(delta)) == [("added", "c3"), ("removed", "c0")]


def test_a_repeated_night_sends_nothing_and_says_the_same(sent: World, tmp_path: Path) -> None:
    tool = place("tool", tmp_path / "tool")
    sent.build(PEOPLE).export(destinations=tool)
    files = {path: path.stat().st_mtime_ns for path in (tmp_path / "tool").iterdir()}
    before = arrivals(sent, NIGHT)
    sent.export(destinations=tool, run_id="run-2")
    assert arrivals(sent, NIGHT) == before
    assert {path: path.stat().st_mtime_ns for path in (tmp_path / "tool").iterdir()} == files


def test_one_destination_that_fails_does_not_stop_the_others(world: World, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    both = {**place("broken", tmp_path / "file"), **place("tool", tmp_path / "tool")}
    result = world.with_head(destinations=["broken", "nowhere", "tool"]).build(PEOPLE).export(destinations=both)
    told = [(one.destination, one.content, one.status) for one in result.arrivals]
    assert told[:2] == [("broken", "", "failed"), ("nowhere", "", "failed")]
    assert sorted(told[2:]) == [("tool", "delta", "arrived"), ("tool", "full", "arrived")], "to begin with, all are new"
    assert result.arrivals[1].message == "no such destination is configured"


def test_a_list_that_is_held_back_is_not_sent(sent: World, tmp_path: Path) -> None:
    result = sent.build(PEOPLE).export(release=(), destinations=place("tool", tmp_path / "tool"))
    assert (result.arrivals, (tmp_path / "tool").exists()) == ((), False)


def test_who_withdrew_leaves_the_destination_although_the_list_is_held_back(sent: World, tmp_path: Path) -> None:
    tool = place("tool", tmp_path / "tool")
    sent.build(PEOPLE).export(destinations=tool)
    consents = [Consent(f"c{number}") for number in range(1, 6)]
    sent.build(PEOPLE, members=listed(0), consents=consents).export(NEXT, destinations=tool)
    (full,) = (tmp_path / "tool").glob(f"{SEGMENT}_{NEXT}.csv")
    (delta,) = (tmp_path / "tool").glob(f"{SEGMENT}_{NEXT}_delta*.csv")
    assert [row["customer_key"] for row in rows(full)] == ["c1", "c2", "c3", "c4", "c5"]
    assert [(row["change"], row["customer_key"], row["removal_reason"]) for row in rows(delta)] == [
        ("removed", "c0", "no_consent")
    ]

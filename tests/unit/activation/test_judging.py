"""Pressure, priority, holdouts and what a list remembers of the nights before."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import replace
from datetime import date, timedelta
from typing import Any

import polars as pl
import pytest

from dagster_project.activation.journals import prepare_journals
from dagster_project.activation.leaks import find_leaks
from dagster_project.activation.measuring import CHI2_LIMIT, detectable_effect
from dagster_project.activation.segments import SegmentDefinition, SegmentSettings
from tests.unit.activation.warehouses import EMAIL_LIST, NIGHT, SEGMENT, Consent, Customer, World

NEXT = NIGHT + timedelta(days=1)
OTHER = "seg_other"
KEYS = [f"c{number:03}" for number in range(200)]
PEOPLE = [Customer(key) for key in KEYS]


def bucket(scope: str, key: str) -> float:
    """The documented place of a customer in a scope, worked out by hand."""
    return int(hashlib.sha256(f"{scope}|{key}".encode()).hexdigest()[:13], 16) / 16**13


def with_other(world: World, **head: Any) -> World:
    others: Mapping[str, Mapping[str, Any]] = {OTHER: {**EMAIL_LIST, "title": "Other", **head}}
    return replace(world, others=others)


def assignments(world: World) -> list[tuple[Any, ...]]:
    return world.query("select as_of_date, segment, customer_key, arm from journal.segment_assignments order by all")


def changes(world: World, night: date) -> list[tuple[Any, ...]]:
    return world.query(
        "select member_key, verdict, reason from journal.segment_changes"
        f" where as_of_date = date '{night}' order by all"
    )


def test_holdouts_are_drawn_by_the_documented_hash(world: World) -> None:
    world.with_head(holdout_share=0.2).build(PEOPLE, global_share=0.1).export()
    everywhere = {key for key in KEYS if bucket("global", key) < 0.1}
    here = {key for key in KEYS if bucket(SEGMENT, key) < 0.2} - everywhere
    told = world.verdicts()
    assert {key for key, verdict in told.items() if verdict == "global_holdout"} == everywhere
    assert {key for key, verdict in told.items() if verdict == "holdout"} == here
    assert set(world.members()["customer_key"]) == set(KEYS) - everywhere - here
    arms = {key: arm for _, _, key, arm in assignments(world)}
    assert {key for key, arm in arms.items() if arm == "treated"} == set(KEYS) - everywhere - here
    assert len(arms) == len(KEYS)


def test_nobody_is_assigned_before_the_list_leaves(world: World) -> None:
    world.with_head(holdout_share=0.2).build(PEOPLE).export(release=())
    assert assignments(world) == []
    world.with_head(holdout_share=0.2).export(NEXT)
    assert {row[0] for row in assignments(world)} == {NEXT}


def test_who_was_addressed_stays_so_when_the_share_grows(world: World) -> None:
    world.build(PEOPLE).export()
    grown = world.with_head(holdout_share=0.5)
    assert grown.export(NEXT).delivery.member_count == len(KEYS)
    more = [*PEOPLE, Customer("x1"), Customer("x2"), Customer("x4")]
    grown.build(more).export(NEXT + timedelta(days=1))
    told = world.verdicts(NEXT + timedelta(days=1))
    assert {key: told[key] for key in ("x1", "x2", "x4")} == {
        key: "holdout" if bucket(SEGMENT, key) < 0.5 else "member" for key in ("x1", "x2", "x4")
    }


def test_who_was_held_out_stays_so_when_the_share_shrinks(world: World) -> None:
    world.with_head(holdout_share=0.5).build(PEOPLE).export()
    held = {key for key, verdict in world.verdicts().items() if verdict == "holdout"}
    world.with_head(holdout_share=0.1).export(NEXT)
    assert {key for key, verdict in world.verdicts(NEXT).items() if verdict == "holdout"} == held


def test_a_merge_keeps_the_holdout_and_the_stay(world: World) -> None:
    share = 0.5
    held = next(key for key in KEYS if bucket(SEGMENT, key) < share)
    free = [key for key in KEYS if bucket(SEGMENT, key) >= share]
    world = world.with_head(holdout_share=share)
    world.build([Customer(key) for key in (held, *free[:3])]).export()
    world.build([Customer(key) for key in free[:2]], records=[(held, free[0]), (free[2], free[1])]).export(
        NEXT, release=[SEGMENT]
    )
    assert world.verdicts(NEXT) == {held: "left", free[0]: "holdout", free[1]: "member", free[2]: "left"}
    assert set(world.members(NEXT)["customer_key"]) == {free[1]}
    assert (held, "left", "merged into another customer") in changes(world, NEXT)
    assert [row for row in assignments(world) if row[0] == NEXT] == [], "nobody is new"


def test_the_list_with_priority_takes_a_newcomer_and_the_other_gets_him_when_he_may(world: World) -> None:
    world = with_other(world, priority=10)
    world.build(PEOPLE[:4]).export(release=[SEGMENT, OTHER])
    assert set(world.verdicts(segment=OTHER).values()) == {"member"}
    assert set(world.verdicts().values()) == {"priority"}
    world.export(NEXT)
    assert set(world.verdicts(NEXT).values()) == {"member"}
    assert {(row[0], row[1]) for row in assignments(world)} == {(NIGHT, OTHER), (NEXT, SEGMENT)}


def test_a_list_that_cannot_leave_takes_nobody(world: World) -> None:
    world = with_other(world, priority=10)
    world.build(PEOPLE[:4]).export()
    assert set(world.verdicts().values()) == {"member"}
    assert {row[1] for row in assignments(world)} == {SEGMENT}


def test_lists_released_one_after_the_other_on_one_night_address_nobody_twice(world: World) -> None:
    world = with_other(world, priority=10)
    world.build(PEOPLE[:4]).export()
    world.export(release=[OTHER])
    assert set(world.verdicts(segment=OTHER).values()) == {"priority"}
    first = assignments(world)
    assert {row[1] for row in first} == {SEGMENT}
    world.export()
    assert assignments(world) == first, "a repeated night says the same"


def test_the_cap_counts_all_lists_and_the_contacts_of_others(world: World) -> None:
    world = with_other(world, priority=10)
    world.build(PEOPLE[:4], cap=2)
    recently, long_ago = NIGHT - timedelta(days=28), NIGHT - timedelta(days=29)
    world.query(
        "insert into core.dim_campaigns values ('own', null), ('ours', 'seg_win_back');"
        " insert into core.fct_campaign_contacts values"
        f" ('own', 'c000', date '{recently}', false, false), ('own', 'c001', date '{long_ago}', false, false),"
        f" ('ours', 'c002', date '{recently}', false, false), ('own', 'c003', date '{recently}', true, false),"
        f" ('own', 'c003', date '{recently}', false, true)"
    )
    world.export(release=[SEGMENT, OTHER])
    world.export(NEXT)
    assert world.verdicts(NEXT) == {"c000": "contact_cap", "c001": "member", "c002": "member", "c003": "member"}


def test_a_list_may_have_a_stricter_cap(world: World) -> None:
    world = with_other(world.with_head(contact_cap=1), priority=10)
    world.build(PEOPLE[:1]).export(release=[SEGMENT, OTHER])
    world.export(NEXT)
    assert world.verdicts(NEXT) == {"c000": "contact_cap"}


@pytest.mark.parametrize(("days", "verdict"), [(9, "cool_down"), (10, "member")])
def test_who_left_comes_back_after_the_cool_down(world: World, days: int, verdict: str) -> None:
    world = world.with_head(cool_down_days=10)
    world.build(PEOPLE[:3]).export()
    world.build(PEOPLE[:3], members=[("c001", "because", 1.0), ("c002", "because", 1.0)]).export(NEXT)
    assert world.verdicts(NEXT)["c000"] == "left"
    world.build(PEOPLE[:3]).export(NIGHT + timedelta(days=days))
    assert world.verdicts(NIGHT + timedelta(days=days)) == {"c000": verdict, "c001": "member", "c002": "member"}


def test_nobody_leaves_a_list_that_is_held_back_but_whom_the_law_takes_off(world: World) -> None:
    world.build(PEOPLE[:10]).export()
    consents = [Consent(person.key) for person in PEOPLE[1:10]]
    one = [("c002", "because", 1.0)]
    result = world.build(PEOPLE[:10], members=one, consents=consents).export(NEXT)
    assert result.delivery.message == (
        "The list halved, from 10 on 2025-03-31 to 1; the list of 2025-03-31 stays without 1 who may not be contacted "
        "any more."
    )
    assert (result.delivery.status, result.delivery.removed_count, result.delivery.kept_count) == ("held_back", 1, 9)
    assert world.members(NEXT)["customer_key"].to_list() == [person.key for person in PEOPLE[1:10]]
    assert (world.list_folder / "latest").resolve().name == NEXT.isoformat()
    assert world.manifest(NEXT.isoformat())["status"] == "reduced"
    later = NEXT + timedelta(days=1)
    world.build(PEOPLE[:10]).export(later)
    told = world.verdicts(later)
    assert told.pop("c000") == "cool_down", "he withdrew and came back"
    assert set(told.values()) == {"member"}, "the others never left"


def test_a_repeated_night_keeps_its_rows_and_the_run_that_wrote_them(world: World) -> None:
    world = world.with_head(holdout_share=0.2)
    tables = ("segments", "segment_changes", "segment_assignments", "holdouts")
    world.build(PEOPLE, global_share=0.1).export()
    first = {table: world.query(f"select * from journal.{table} order by all") for table in tables}
    world.export(run_id="run-2")
    assert {table: world.query(f"select * from journal.{table} order by all") for table in tables} == first


def test_only_who_changed_is_written_down(world: World) -> None:
    world.build(PEOPLE[:5]).export()
    world.export(NEXT)
    assert changes(world, NEXT) == []
    last = NEXT + timedelta(days=1)
    world.build(PEOPLE[:5], suppressions=[("c001", "email", "complaint")]).export(last)
    assert changes(world, last) == [("c001", "suppressed", "because")]


def test_a_segment_that_is_gone_lets_everybody_go(world: World) -> None:
    both = with_other(world)
    both.build(PEOPLE[:2]).export(release=[OTHER])
    world.build(PEOPLE[:2]).export(NEXT)
    told = world.query(
        "select segment, verdict, reason from journal.segment_changes"
        f" where as_of_date = date '{NEXT}' and segment = '{OTHER}' order by all"
    )
    assert told == [(OTHER, "left", "the segment is gone")] * 2


def test_an_expired_list_has_nobody(world: World) -> None:
    world.with_head(expires=NIGHT).build(PEOPLE[:2]).export()
    assert set(world.verdicts().values()) == {"member"}
    world.with_head(expires=NIGHT).export(NEXT, release=[SEGMENT])
    assert set(world.verdicts(NEXT).values()) == {"expired"}


def test_a_single_opt_in_is_none_for_marketing_by_mail(world: World) -> None:
    consents = [Consent("c000"), Consent("c001", is_double=False)]
    world.build(PEOPLE[:2], consents=consents).export()
    assert world.verdicts() == {"c000": "member", "c001": "no_consent"}
    world.with_head(double_opt_in=False).export(NEXT)
    assert world.verdicts(NEXT) == {"c000": "member", "c001": "member"}


@pytest.mark.parametrize(("score", "verdict"), [(0.8, "member"), (0.79, "poor_record"), (None, "poor_record")])
def test_a_list_may_demand_a_record_of_quality(world: World, score: float | None, verdict: str) -> None:
    world = world.with_head(min_record_score=0.8)
    world.build(PEOPLE[:2])
    world.query("insert into quality.dq_customer_record_scores values ('c001', 0.9)")
    if score is not None:
        world.query(f"insert into quality.dq_customer_record_scores values ('c000', {score})")
    world.export()
    assert world.verdicts() == {"c000": verdict, "c001": "member"}


def test_work_lists_know_no_pressure_and_no_holdout(world: World) -> None:
    world = world.with_head(channel="internal", purpose="none")
    world.build(PEOPLE[:50], global_share=0.5, consents=[], cap=1).export()
    assert set(world.verdicts().values()) == {"member"}
    assert assignments(world) == []


def test_the_manifest_says_what_the_list_can_show(world: World) -> None:
    world = world.with_head(holdout_share=0.2)
    world.build(PEOPLE)
    world.query(
        f"insert into core.fct_order_lines values ('c000', date '{NIGHT}', true),"
        f" ('c001', date '{NIGHT - timedelta(days=29)}', true), ('c002', date '{NIGHT - timedelta(days=30)}', true),"
        f" ('c003', date '{NIGHT}', false), ('c004', date '{NEXT}', true)"
    )
    delivery = world.export().delivery
    held = sum(bucket(SEGMENT, key) < 0.2 for key in KEYS)
    base_rate = 3 / 202
    assert delivery.base_rate == pytest.approx(base_rate)
    assert delivery.minimum_detectable_effect == pytest.approx(
        2.8015852 * (base_rate * (1 - base_rate) * (1 / held + 1 / (200 - held))) ** 0.5, rel=1e-6
    )
    assert delivery.sample_ratio_chi2 == pytest.approx((held - 40) ** 2 / (200 * 0.2 * 0.8))
    assert world.manifest()["measurement"]["held_out"] == held


def test_a_holdout_that_chance_did_not_draw_is_a_warning(world: World) -> None:
    """The share was raised for people who were assigned under another one: nobody new, and yet none held out."""
    few = [Customer(key) for key in KEYS if bucket(SEGMENT, key) >= 0.5]
    result = world.with_head(holdout_share=0.5).build(few).export()
    assert result.delivery.sample_ratio_chi2 is not None
    assert result.delivery.sample_ratio_chi2 > CHI2_LIMIT
    assert [finding.check for finding in result.findings] == ["sample ratio"]
    assert (result.status, result.is_warning) == ("delivered", True)


def test_the_detectable_effect_shrinks_with_the_root_of_the_people() -> None:
    small, large = (detectable_effect(0.1, treated=count, holdout=count) for count in (100, 400))
    assert small is not None
    assert large == pytest.approx(small / 2, abs=1e-9)
    assert detectable_effect(0.1, treated=0, holdout=5) is None
    assert detectable_effect(0.1, treated=5, holdout=0) is None


@pytest.mark.parametrize(
    ("spoil", "message"),
    [
        (
            "insert into journal.holdouts values (date '2025-03-01', 'global', 'c000')",
            "1 of the list are held out of it",
        ),
        (f"insert into journal.holdouts values (date '2025-03-01', '{SEGMENT}', 'c000')", "1 of the list are held out"),
        (
            (
                "insert into journal.holdouts values (date '2025-03-01', 'global', 'former');"
                " insert into core.dim_customer_records values ('former', 'c000')"
            ),
            "1 of the list are held out of it",
        ),
        (
            "update core.dim_consents set is_granted = false where customer_key = 'c000'",
            "1 of the list have no consent",
        ),
        (
            "update core.dim_consents set is_double_opt_in = false where customer_key = 'c001'",
            "1 of the list have no consent",
        ),
        ("delete from core.dim_consents where customer_key = 'c000'", "1 of the list have no consent"),
        ("insert into core.dim_suppressions values ('c000', 'any', 'complaint')", "1 of the list are on a suppression"),
        ("update core.dim_parameters set global_holdout_share = 1", "2 of the list are held out of it"),
    ],
)
def test_a_leak_is_found_by_other_sql_than_the_judgement(world: World, spoil: str, message: str) -> None:
    import duckdb

    world.build(PEOPLE[:2])
    members = pl.DataFrame({"customer_key": ["c000", "c001"]})
    segment = SegmentDefinition(name=SEGMENT, settings=SegmentSettings.model_validate(EMAIL_LIST), sql="")
    with duckdb.connect(str(world.settings.warehouse_path)) as connection:
        prepare_journals(connection)
        assert find_leaks(connection, segment, members=members, as_of=NIGHT) == ()
        connection.execute(spoil)
        (finding,) = find_leaks(connection, segment, members=members, as_of=NIGHT)
    assert finding.severity == "refuse"
    assert finding.message.startswith(message)

"""Who may be in a list and who may not."""

from __future__ import annotations

from dataclasses import replace
from datetime import date

import duckdb
import pytest

from dagster_project.errors import CrmError
from tests.unit.activation.warehouses import NIGHT, SEGMENT, Consent, Customer, World


def keys(world: World) -> list[str]:
    return world.members()["customer_key"].to_list()


def dropped(world: World) -> dict[str, list[str]]:
    found: dict[str, list[str]] = {}
    for key, verdict in world.verdicts().items():
        if verdict != "member":
            found.setdefault(verdict, []).append(key)
    return found


def test_consent_must_be_in_force_on_the_night(world: World) -> None:
    people = [Customer(key) for key in ("granted", "same_day", "tomorrow", "withdrawn", "silent", "wrong_purpose")]
    consents = [
        Consent("granted"),
        Consent("same_day", since=NIGHT),
        Consent("tomorrow", since=date(2025, 4, 1)),
        Consent("withdrawn", is_granted=False),
        Consent("wrong_purpose", purpose="service"),
        Consent("wrong_purpose", channel="phone"),
    ]
    world.build(people, consents=consents).export()
    assert sorted(keys(world)) == ["granted", "same_day"]
    assert dropped(world) == {"no_consent": ["silent", "tomorrow", "withdrawn", "wrong_purpose"]}


def test_of_two_contradicting_rows_the_refusal_counts(world: World) -> None:
    both = [Consent("a"), Consent("a", is_granted=False, channel="any"), Consent("b")]
    world.build([Customer("a"), Customer("b")], consents=both).export()
    assert keys(world) == ["b"]


def test_consent_for_any_channel_is_consent(world: World) -> None:
    world.build([Customer("a")], consents=[Consent("a", channel="any")]).export()
    assert keys(world) == ["a"]


def test_test_deleted_and_unknown_customers_are_out(world: World) -> None:
    people = [Customer("ok"), Customer("test", is_test=True), Customer("deleted", is_deleted=True)]
    members = [(key, "because", 1.0) for key in ("ok", "test", "deleted", "unknown", "nobody")]
    consents = [Consent(key) for key in ("ok", "test", "deleted", "unknown", "nobody")]
    world.build(people, members=members, consents=consents).export()
    assert keys(world) == ["ok"]
    assert dropped(world) == {
        "unknown_customer": ["nobody", "unknown"],
        "test_customer": ["test"],
        "deleted_customer": ["deleted"],
    }


@pytest.mark.parametrize("email", [None, " ", "nobody", "a@b", "two words@example.org"])
def test_an_address_that_cannot_be_used_is_none(world: World, email: str | None) -> None:
    world.build([Customer("a", email=email), Customer("b")]).export()
    assert dropped(world) == {"no_usable_address": ["a"]}


@pytest.mark.parametrize(
    ("phone", "is_usable"), [("030/12 34 56", True), ("+49 (30) 123456", True), ("123", False), ("n/a", False)]
)
def test_a_phone_number_needs_digits(world: World, phone: str, is_usable: bool) -> None:
    world = world.with_head(channel="phone")
    consents = [Consent("a", channel="phone"), Consent("b", channel="phone")]
    world.build([Customer("a", phone=phone), Customer("b", phone="0170 5555555")], consents=consents).export()
    assert ("a" in keys(world)) is is_usable


def test_a_letter_needs_a_street_and_carries_the_postal_address(world: World) -> None:
    world = world.with_head(channel="letter")
    consents = [Consent("a", channel="letter"), Consent("b", channel="letter")]
    world.build([Customer("a", street=" "), Customer("b")], consents=consents).export()
    assert dropped(world) == {"no_usable_address": ["a"]}
    assert world.members().columns == [
        *("customer_key", "name", "street", "postal_code", "city", "country_code", "reason", "score")
    ]


def test_one_address_is_written_to_once(world: World) -> None:
    people = [Customer("a", email="Home@example.org"), Customer("b", email=" home@EXAMPLE.org")]
    world.build(people, members=[("a", "because", 1.0), ("b", "because", 2.0)]).export()
    assert keys(world) == ["b"]
    assert dropped(world) == {"shared_address": ["a"]}


def test_suppression_has_the_last_word(world: World) -> None:
    people = [Customer(key) for key in ("fine", "this_channel", "any_channel", "other_channel", "dead", "no_consent")]
    consents = [Consent(person.key) for person in people[:-1]]
    suppressions = [
        ("this_channel", "email", "complaint"),
        ("any_channel", "any", "robinson_list"),
        ("other_channel", "phone", "complaint"),
        ("dead", "letter", "deceased"),
        ("no_consent", "email", "complaint"),
    ]
    world.build(people, consents=consents, suppressions=suppressions).export()
    assert sorted(keys(world)) == ["fine", "other_channel"]
    assert dropped(world) == {"no_consent": ["no_consent"], "suppressed": ["any_channel", "dead", "this_channel"]}


def test_the_address_of_a_suppressed_customer_is_reached_through_nobody(world: World) -> None:
    people = [Customer("a", email="family@example.org"), Customer("b", email="Family@example.org"), Customer("c")]
    members = [("a", "because", 1.0), ("c", "because", 1.0)]
    world.build(people, members=members, suppressions=[("b", "email", "complaint")]).export()
    assert dropped(world) == {"suppressed": ["a"]}


def test_candidates_are_members_and_dropped(world: World) -> None:
    people = [Customer("a"), Customer("b", email=None), Customer("c", is_test=True)]
    result = world.build(people, consents=[Consent("a"), Consent("b")]).export()
    assert (
        result.delivery.candidate_count == result.delivery.member_count + sum(one.count for one in result.dropped) == 3
    )
    assert world.manifest()["counts"] == {"candidates": 3, "members": 1, "dropped": 2}


def test_work_lists_need_no_consent_and_carry_no_address(world: World) -> None:
    world = world.with_head(channel="internal", purpose="none", export_columns=["score", "language", "name"])
    people = [Customer("a"), Customer("b", is_deleted=True)]
    world.build(people, consents=[], suppressions=[("a", "any", "complaint")]).export()
    assert world.members().rows() == [("a", "because", 1.0, "de", "Person a")]
    assert world.members().columns == ["customer_key", "reason", "score", "language", "name"]


def test_members_are_sorted_as_the_settings_say(world: World) -> None:
    members = [("a", "because", 1.0), ("b", "because", 3.0), ("c", "because", None), ("d", "because", 3.0)]
    world.build([Customer(key) for key in "abcd"], members=members).export()  # type: ignore[arg-type]
    assert keys(world) == ["b", "d", "a", "c"]


def test_customers_with_two_current_versions_stop_the_export(world: World) -> None:
    twice = [Customer("a"), replace(Customer("a"), language="en")]
    with pytest.raises(CrmError, match="a customer has more than one current version"):
        world.build(twice, members=[("a", "because", 1.0)], consents=[Consent("a")]).export()


def test_a_missing_table_is_told_in_one_sentence(world: World) -> None:
    world.build([Customer("a")])
    with duckdb.connect(str(world.settings.warehouse_path)) as connection:
        connection.execute(f"drop table segments.{SEGMENT}")
    with pytest.raises(CrmError, match=r"seg_win_back cannot be exported: .*seg_win_back does not exist"):
        world.export()


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        ({"export_columns": ["shoe_size"]}, "has no column shoe_size"),
        ({"sort_by": ["-shoe_size"]}, "shoe_size"),
    ],
)
def test_a_column_that_nobody_has_is_told(world: World, change: dict[str, object], sentence: str) -> None:
    with pytest.raises(CrmError, match=sentence):
        world.with_head(**change).build([Customer("a")]).export()

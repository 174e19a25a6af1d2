"""Law 4 under random nights: nobody is in a file without consent in force, suppressed, held out, or too often."""

from __future__ import annotations

import tempfile
from dataclasses import dataclass, replace
from datetime import date, timedelta
from pathlib import Path

from hypothesis import given, settings
from hypothesis import strategies as st

from tests.unit.activation.warehouses import EMAIL_LIST, NIGHT, SEGMENT, Consent, Customer, World

KEYS = [f"c{number:02}" for number in range(12)]
OTHER = "seg_other"
CAP = 2
NIGHTS = 4
SHARE = 0.3


@dataclass(frozen=True)
class Evening:
    """What the warehouse says before one night; `merged` are pairs of a customer that is gone and the one it became."""

    consents: tuple[Consent, ...]
    suppressions: tuple[tuple[str, str, str], ...]
    candidates: frozenset[str]
    merged: tuple[tuple[str, str], ...]
    days: int


CONSENTS = st.lists(
    st.builds(
        Consent,
        key=st.sampled_from(KEYS),
        is_granted=st.sampled_from((True, True, True, False)),
        since=st.integers(-30, 6).map(lambda offset: NIGHT + timedelta(days=offset)),
        purpose=st.sampled_from(("marketing", "marketing", "service")),
        channel=st.sampled_from(("email", "email", "any", "phone")),
        is_double=st.sampled_from((True, True, False)),
    ),
    min_size=8,
    max_size=24,
    unique_by=lambda one: (one.key, one.purpose, one.channel),
).map(tuple)
EVENINGS = st.lists(
    st.builds(
        Evening,
        consents=CONSENTS,
        suppressions=st.lists(
            st.tuples(st.sampled_from(KEYS), st.sampled_from(("email", "any", "phone")), st.just("complaint")),
            max_size=2,
        ).map(tuple),
        candidates=st.frozensets(st.sampled_from(KEYS), min_size=6),
        merged=st.lists(
            st.tuples(st.sampled_from(KEYS[6:]), st.sampled_from(KEYS[:6])), max_size=2, unique_by=lambda pair: pair[0]
        ).map(tuple),
        days=st.integers(1, 3),
    ),
    min_size=NIGHTS,
    max_size=NIGHTS,
)


def allows(evening: Evening, key: str, *, night: date) -> bool:
    """Whether marketing by e-mail is allowed: something was said, and all that was said is a confirmed yes by now."""
    said = [
        one
        for one in evening.consents
        if (one.key, one.purpose) == (key, "marketing") and one.channel in ("email", "any")
    ]
    return bool(said) and all(one.is_granted and one.is_double and one.since <= night for one in said)


def silenced(evening: Evening) -> set[str]:
    return {key for key, channel, _ in evening.suppressions if channel in ("email", "any")}


@settings(max_examples=8)
@given(evenings=EVENINGS)
def test_no_contact_without_consent_against_a_suppression_from_a_holdout_or_too_often(evenings: list[Evening]) -> None:
    head = {**EMAIL_LIST, "holdout_share": SHARE, "cool_down_days": 2}
    became: dict[str, str] = {}
    night = NIGHT
    with tempfile.TemporaryDirectory() as folder:
        world = World(Path(folder), head=head, others={OTHER: {**head, "priority": 10}})
        for evening in evenings:
            became |= {gone: kept for gone, kept in evening.merged if gone not in became}
            there = [Customer(key) for key in KEYS if key not in became]
            listed = [(key, "because", 1.0) for key in sorted(evening.candidates - became.keys())]
            world.build(
                there,
                consents=evening.consents,
                suppressions=evening.suppressions,
                members=listed,
                records=list(became.items()),
                global_share=0.1,
                cap=CAP,
            )
            world.export(night, release=[SEGMENT, OTHER])
            for segment in (SEGMENT, OTHER):
                check_night(world, evening, segment=segment, night=night, became=became)
            night += timedelta(days=evening.days)
        check_pressure(world, became=became)


def check_night(world: World, evening: Evening, *, segment: str, night: date, became: dict[str, str]) -> None:
    told = {key: verdict for key, verdict in world.verdicts(night, segment).items() if verdict != "left"}
    assert told.keys() == evening.candidates - became.keys()
    everybody_held = {
        became.get(str(key), str(key))
        for (key,) in world.query(f"select customer_key from journal.holdouts where scope in ('global', '{segment}')")
    }
    for key, verdict in told.items():
        if verdict in {"member", "holdout", "global_holdout"}:
            assert allows(evening, key, night=night)
            assert key not in silenced(evening)
        if verdict == "member":
            assert key not in everybody_held, "a holdout is one for good, through merges"
        if verdict == "no_consent":
            assert not allows(evening, key, night=night)
        if verdict == "suppressed":
            assert key in silenced(evening)
            assert allows(evening, key, night=night), "suppression is asked after consent"


def check_pressure(world: World, *, became: dict[str, str]) -> None:
    """At most one new list a night and customer, and no more than the cap in all (the nights are within its days)."""
    rows = world.query("select as_of_date, segment, customer_key from journal.segment_assignments")
    per_night = [(night, key) for night, _, key in rows]
    assert len(per_night) == len(set(per_night))
    unmerged = [key for _, _, key in rows if key not in became and key not in became.values()]
    assert max((unmerged.count(key) for key in unmerged), default=0) <= CAP


@settings(max_examples=6)
@given(
    rows=st.lists(
        st.builds(
            Consent,
            key=st.sampled_from(KEYS),
            is_granted=st.booleans(),
            since=st.integers(-30, 3).map(lambda offset: NIGHT + timedelta(days=offset)),
        ),
        max_size=20,
    )
)
def test_a_table_with_contradictions_is_read_as_no(rows: list[Consent]) -> None:
    with tempfile.TemporaryDirectory() as folder:
        world = World(Path(folder)).build([Customer(key) for key in KEYS], consents=rows)
        world.export()
        members = {key for key, verdict in world.verdicts().items() if verdict == "member"}
    evening = replace(Evening((), (), frozenset(), (), 1), consents=tuple(rows))
    assert members == {key for key in KEYS if allows(evening, key, night=NIGHT)}

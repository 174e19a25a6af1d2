"""Law 4 under random consent histories: nobody is in a file without consent in force, suppression is applied last."""

from __future__ import annotations

import tempfile
from dataclasses import dataclass
from datetime import date, timedelta
from pathlib import Path

from hypothesis import given, settings
from hypothesis import strategies as st

from tests.unit.activation.warehouses import NIGHT, Consent, Customer, World

KEYS = [f"c{number}" for number in range(6)]
CHANNELS = ("email", "phone", "letter", "any")
DAYS = st.integers(-30, 3).map(lambda offset: NIGHT + timedelta(days=offset))


@dataclass(frozen=True)
class Statement:
    """One statement of a customer at a time."""

    key: str
    purpose: str
    channel: str
    status: str
    day: date


STATEMENTS = st.lists(
    st.builds(
        Statement,
        key=st.sampled_from(KEYS),
        purpose=st.sampled_from(("marketing", "service")),
        channel=st.sampled_from(CHANNELS),
        status=st.sampled_from(("pending", "granted", "withdrawn")),
        day=DAYS,
    ),
    max_size=40,
)
CUSTOMERS = st.tuples(
    *(
        st.builds(
            Customer,
            key=st.just(key),
            email=st.sampled_from(("", "shared@example.org", "nobody", None)),
            is_test=st.booleans(),
            is_deleted=st.booleans(),
        )
        for key in KEYS
    )
)
SUPPRESSIONS = st.lists(st.tuples(st.sampled_from(KEYS), st.sampled_from(CHANNELS), st.just("complaint")), max_size=4)


def allows(history: list[Statement], *, key: str, purpose: str, channel: str) -> bool:
    """What the customer's own words allow tonight: the newest that is not pending; a withdrawal wins a tie."""
    said = [
        one
        for one in history
        if (one.key, one.purpose) == (key, purpose)
        and one.channel in (channel, "any")
        and one.status != "pending"
        and one.day <= NIGHT
    ]
    newest = max((one.day for one in said), default=None)
    return newest is not None and all(one.status == "granted" for one in said if one.day == newest)


def in_force(history: list[Statement]) -> list[Consent]:
    """The table core.dim_consents as dbt builds it: one row per customer, purpose and channel spoken about."""
    rows = []
    for key, purpose in {(one.key, one.purpose) for one in history if one.status != "pending"}:
        for channel in ("email", "phone", "letter"):
            said = [
                one
                for one in history
                if (one.key, one.purpose) == (key, purpose)
                and one.channel in (channel, "any")
                and one.status != "pending"
                and one.day <= NIGHT
            ]
            if said:
                granted = allows(history, key=key, purpose=purpose, channel=channel)
                rows.append(Consent(key, granted, max(one.day for one in said), purpose, channel))
    return rows


@settings(max_examples=40)
@given(history=STATEMENTS, customers=CUSTOMERS, suppressions=SUPPRESSIONS)
def test_no_contact_without_consent_in_force(
    history: list[Statement], customers: tuple[Customer, ...], suppressions: list[tuple[str, str, str]]
) -> None:
    with tempfile.TemporaryDirectory() as folder:
        world = World(Path(folder)).build(customers, consents=in_force(history), suppressions=suppressions)
        result = world.export()
        members = world.members()["customer_key"].to_list() if result.status == "delivered" else []
        manifest = world.manifest(NIGHT.isoformat() if members else f"held_back/{NIGHT.isoformat()}")
    by_key = {customer.key: customer for customer in customers}
    silenced = {key for key, channel, _reason in suppressions if channel in ("email", "any")}
    for key in members:
        assert allows(history, key=key, purpose="marketing", channel="email")
        assert not by_key[key].is_test
        assert not by_key[key].is_deleted
        assert key not in silenced
    assert result.candidate_count == len(KEYS) == len(members) + sum(one.count for one in result.dropped)
    dropped = manifest["dropped"]
    for key in dropped.get("suppressed", {"customer_key": []})["customer_key"]:
        assert allows(history, key=key, purpose="marketing", channel="email"), "suppression is asked last"


@settings(max_examples=30)
@given(rows=st.lists(st.builds(Consent, key=st.sampled_from(KEYS), is_granted=st.booleans(), since=DAYS), max_size=20))
def test_a_table_with_contradictions_is_read_as_no(rows: list[Consent]) -> None:
    with tempfile.TemporaryDirectory() as folder:
        world = World(Path(folder)).build([Customer(key) for key in KEYS], consents=rows)
        result = world.export()
        members = world.members()["customer_key"].to_list() if result.status == "delivered" else []
    expected = {
        key
        for key in KEYS
        if any(row.key == key for row in rows)
        and all(row.is_granted and row.since <= NIGHT for row in rows if row.key == key)
    }
    assert set(members) == expected

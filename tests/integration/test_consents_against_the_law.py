"""What a customer allows, by the SQL that dbt compiled, against a plain replay of random statements by their rules."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta

import duckdb
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from dagster_project.transformation import dbt_layout
from tests.conftest import Company

NIGHT = datetime(2025, 3, 31)  # noqa: DTZ001 - the warehouse's timestamps are UTC without saying so
MODELS = ("intermediate/int_consents__stated", "core/dim_consents")
CHANNELS = ("email", "phone", "letter")
Key = tuple[str, str, str]


@dataclass(frozen=True)
class Said:
    """One statement of one record of a customer; `unsubscribe` is a response to a mailing."""

    customer: str
    record: int
    purpose: str
    channel: str
    status: str
    moment: datetime
    is_double: bool
    is_deleted: bool


HISTORIES = st.lists(
    st.builds(
        Said,
        customer=st.sampled_from([f"c{number}" for number in range(8)]),
        record=st.integers(0, 2),
        purpose=st.sampled_from(("marketing", "marketing", "service")),
        channel=st.sampled_from(("email", "email", "any", "phone")),
        status=st.sampled_from(("pending", "granted", "granted", "granted", "withdrawn", "unsubscribe")),
        moment=st.integers(-6, 2).map(lambda days: NIGHT + timedelta(days=days, hours=9)),
        is_double=st.booleans(),
        is_deleted=st.sampled_from((False, False, False, True)),
    ),
    max_size=60,
)


@pytest.fixture(scope="module")
def bare(demo: Company) -> Iterator[duckdb.DuckDBPyConnection]:
    """Empty facts, and the two models over them as views."""
    compiled = dbt_layout(demo.settings).target_dir / "compiled" / "kreislauf" / "models"
    with duckdb.connect() as connection:
        connection.execute(
            "attach ':memory:' as warehouse; use warehouse; create schema core; create schema intermediate;"
            "create table core.fct_consents (consent_key varchar, customer_key varchar, identity_key varchar,"
            " purpose varchar, channel varchar, consent_status varchar, recorded_at timestamp, evidence varchar,"
            " is_deleted boolean);"
            "create table core.fct_campaign_responses (response_key varchar, customer_key varchar,"
            " response_type varchar, responded_at timestamp, is_bot boolean);"
            f"create table core.dim_parameters as select date '{NIGHT:%Y-%m-%d}' as as_of_date"
        )
        for model in MODELS:
            sql = (compiled / f"{model}.sql").read_text(encoding="utf-8")
            connection.execute(f"create view {model.replace('/', '.')} as {sql}")
        yield connection


def replayed(history: list[Said]) -> dict[Key, tuple[bool, bool]]:
    """Granted and confirmed by customer, purpose and channel: each record's statements in order, then the strictest."""
    about = {(said.customer, said.purpose, channel) for said in history for channel in CHANNELS}
    about |= {(said.customer, "marketing", "email") for said in history}
    found = {key: [_last_word(history, key, record) for record in _records(history, key)] for key in about}
    words = {key: [one for one in said if one is not None] for key, said in found.items()}
    return {
        key: (all(granted for granted, _ in said), all(granted and double for granted, double in said))
        for key, said in words.items()
        if said
    }


def _applies(said: Said, key: Key) -> bool:
    customer, purpose, channel = key
    if said.status == "unsubscribe":
        return (said.customer, "marketing", "email") == key
    is_there = said.status == "withdrawn" or not said.is_deleted
    return (said.customer, said.purpose) == (customer, purpose) and said.channel in (channel, "any") and is_there


def _records(history: list[Said], key: Key) -> set[int]:
    """The records that said anything about it; somebody who only ever unsubscribed is one of its own."""
    records = {said.record for said in history if _applies(said, key) and said.status != "unsubscribe"}
    return records or {-1}


def _last_word(history: list[Said], key: Key, record: int) -> tuple[bool, bool] | None:
    mine = [said for said in history if _applies(said, key) and (said.status == "unsubscribe" or said.record == record)]
    order = {"pending": 0, "granted": 1, "withdrawn": 2, "unsubscribe": 2}
    state, is_asked = None, False
    for said in sorted(mine, key=lambda one: (one.moment, order[one.status], not one.is_double)):
        if said.status == "pending":
            is_asked = True
        elif said.status == "granted":
            if said.moment.date() <= NIGHT.date():
                state = (True, is_asked or said.is_double)
        else:
            state, is_asked = (False, False), False
    return state


@settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(history=HISTORIES, resent=st.integers(0, 3))
def test_never_is_a_customer_granted_who_is_not_by_his_words(
    bare: duckdb.DuckDBPyConnection, history: list[Said], resent: int
) -> None:
    # Which of two grants of one record and moment is told first is open.
    apart = {(one.customer, one.record, one.purpose, one.status, one.moment): one for one in history}
    history = list(apart.values())
    bare.execute("truncate core.fct_consents; truncate core.fct_campaign_responses")
    for number, one in enumerate([*history, *history[:resent]]):
        if one.status == "unsubscribe":
            row = (f"r{number:03}", one.customer, "unsubscribe", one.moment, False)
            bare.execute("insert into core.fct_campaign_responses values (?, ?, ?, ?, ?)", row)
        else:
            evidence = "double opt-in" if one.is_double else "form"
            bare.execute(
                "insert into core.fct_consents values (?, ?, ?, ?, ?, ?, ?, ?, ?)",
                (
                    *(f"s{number:03}", one.customer, f"{one.customer}-{one.record}", one.purpose, one.channel),
                    *(one.status, one.moment, evidence, one.is_deleted),
                ),
            )
    rows = bare.execute(
        "select customer_key, purpose, channel, is_granted, is_double_opt_in from core.dim_consents"
    ).fetchall()
    assert {row[:3]: row[3:] for row in rows} == replayed(history)

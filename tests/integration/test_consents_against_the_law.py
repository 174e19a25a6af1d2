"""What a customer allows, by the SQL that dbt compiled, against a plain reading of random statements by the law."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, datetime, timedelta

import duckdb
import polars as pl
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from dagster_project.transformation import dbt_layout
from tests.conftest import Company

NIGHT = date(2025, 3, 31)
MODELS = ("intermediate/int_consents__stated", "core/dim_consents", "core/fct_consent_states")
CHANNELS = ("email", "phone", "letter")
PAST = 4
"""Days before the night on which something may have been said."""

Key = tuple[str, str, str]


@dataclass(frozen=True)
class Said:
    """One statement, and the account, address and number of who said it; `unsubscribe` is a response to a mailing."""

    customer: str
    account: str | None
    email: str | None
    phone: str | None
    purpose: str
    channel: str
    status: str
    moment: datetime
    is_double: bool
    is_deleted: bool
    is_by_contact: bool
    """An unsubscribe tells only which message it answers; account and address are those of the message."""

    @property
    def day(self) -> date:
        return self.moment.date()

    @property
    def is_refusal(self) -> bool:
        return self.status in ("withdrawn", "unsubscribe")

    @property
    def number(self) -> str | None:
        """A response to a mailing names no telephone number."""
        return None if self.status == "unsubscribe" else self.phone

    def address(self, channel: str) -> str | None:
        return {"email": self.email, "phone": self.number}.get(channel)


def _statement(customer: str) -> st.SearchStrategy[Said]:
    names = {
        part: st.sampled_from((None, f"{customer}-{part}1", f"{customer}-{part}1", f"{customer}-{part}2"))
        for part in ("account", "email", "phone")
    }
    return st.builds(
        Said,
        customer=st.just(customer),
        **names,
        purpose=st.sampled_from(("marketing", "marketing", "marketing", "service")),
        channel=st.sampled_from(("email", "email", "email", "any", "phone")),
        status=st.sampled_from(("pending", "granted", "granted", "granted", "granted", "withdrawn", "unsubscribe")),
        moment=st.builds(
            lambda days, hour: datetime(NIGHT.year, NIGHT.month, NIGHT.day, hour) + timedelta(days=days),  # noqa: DTZ001
            st.integers(-PAST, 2),
            st.sampled_from((9, 15)),
        ),
        is_double=st.booleans(),
        is_deleted=st.sampled_from((False, False, False, True)),
        is_by_contact=st.booleans(),
    ).filter(lambda one: bool(one.account or one.email or one.number))


HISTORIES = st.lists(st.one_of([_statement(f"c{number}") for number in range(4)]), min_size=20, max_size=50)


@pytest.fixture(scope="module")
def bare(demo: Company) -> Iterator[duckdb.DuckDBPyConnection]:
    """The three models as views over the tables `consents` and `responses` of a test."""
    compiled = dbt_layout(demo.settings).target_dir / "compiled" / "kreislauf" / "models"
    with duckdb.connect() as connection:
        connection.execute(
            "attach ':memory:' as warehouse; use warehouse;"
            "create schema core; create schema staging; create schema intermediate;"
            "create table consents (key varchar, customer_key varchar, source_system varchar, account_id varchar,"
            " email varchar, phone varchar, purpose varchar, channel varchar, status varchar, moment timestamp,"
            " evidence varchar, is_deleted boolean);"
            "create table responses (key varchar, customer_key varchar, contact_key varchar, account_id varchar,"
            " email varchar, moment timestamp);"
            "create view core.fct_consents as select key as consent_key, customer_key, source_system, purpose, channel,"
            " status as consent_status, moment as recorded_at, evidence, is_deleted from consents;"
            "create view staging.stg_consents as select key as consent_key, account_id, email, phone from consents;"
            "create view core.fct_campaign_responses as select key as response_key, customer_key,"
            " 'unsubscribe' as response_type, moment as responded_at, false as is_bot,"
            " coalesce(contact_key, 'unknown') as campaign_contact_key from responses;"
            "create view staging.stg_campaign_responses as select key as response_key, 'shop' as source_system,"
            " case when contact_key is null then account_id end as account_id,"
            " case when contact_key is null then email end as email from responses;"
            "create view staging.stg_campaign_contacts as select contact_key as campaign_contact_key, account_id, email"
            " from responses where contact_key is not null;"
            f"create table core.dim_parameters as select date '{NIGHT}' as as_of_date"
        )
        for model in MODELS:
            sql = (compiled / f"{model}.sql").read_text(encoding="utf-8")
            connection.execute(f"create view {model.replace('/', '.')} as {sql}")
        yield connection


def load(bare: duckdb.DuckDBPyConnection, history: list[Said]) -> None:
    """Put a history into the tables, in the order in which it came."""
    consents = [
        (
            *(f"s{number:03}", one.customer, "shop", one.account, one.email, one.phone, one.purpose, one.channel),
            *(one.status, one.moment, "Double Opt-In" if one.is_double else "form", one.is_deleted),
        )
        for number, one in enumerate(history)
        if one.status != "unsubscribe"
    ]
    responses = [
        (
            f"r{number:03}",
            one.customer,
            f"m{number:03}" if one.is_by_contact else None,
            one.account,
            one.email,
            one.moment,
        )
        for number, one in enumerate(history)
        if one.status == "unsubscribe"
    ]
    for table, rows in (("consents", consents), ("responses", responses)):
        bare.execute(f"truncate {table}")
        if rows:
            columns = [str(name) for name, *_ in bare.execute(f"describe {table}").fetchall()]
            frame = pl.DataFrame(rows, schema=columns, orient="row", infer_schema_length=None)  # noqa: F841 - DuckDB reads it
            bare.execute(f"insert into {table} select * from frame")


def about(history: list[Said], key: Key) -> list[Said]:
    """The statements that speak for a customer, purpose and channel: withdrawals even when they were deleted since."""
    customer, purpose, channel = key
    return [
        one
        for one in history
        if one.customer == customer
        and (
            (purpose, channel) == ("marketing", "email")
            if one.status == "unsubscribe"
            else one.purpose == purpose and one.channel in (channel, "any") and (one.is_refusal or not one.is_deleted)
        )
    ]


def is_same_voice(one: Said, other: Said, channel: str) -> bool:
    """Whether two statements are about one address; if one of them names none, whether they are of one account."""
    first, second = one.address(channel), other.address(channel)
    if first and second:
        return first == second
    pairs = ((one.account, other.account), (one.email, other.email), (one.number, other.number))
    return any(left is not None and left == right for left, right in pairs)


def read(history: list[Said], key: Key, night: date) -> str | None:
    """What a customer allows by what was said until a night; None if nothing was."""
    channel = key[2]
    said = [one for one in about(history, key) if one.day <= night or (one.is_refusal and night == NIGHT)]
    refusals = [one for one in said if one.is_refusal]
    grants = [one for one in said if one.status == "granted"]
    for refusal in refusals:
        if not any(grant.day > refusal.day and is_same_voice(grant, refusal, channel) for grant in grants):
            return "withdrawn"
    if not grants:
        return "pending" if said else None
    for grant in grants:
        voice = [one for one in said if is_same_voice(one, grant, channel)]
        is_over = any(one.is_refusal and one.day >= grant.day for one in voice)
        is_repeated = any(one.status == "granted" and one.moment > grant.moment for one in voice)
        if not (is_over or is_repeated or is_confirmed(grant, voice)):
            return "single"
    return "double"


def is_confirmed(grant: Said, voice: list[Said]) -> bool:
    """Whether a grant says that it was confirmed, or answers a pending one with no refusal since."""
    before = [one for one in voice if one.moment <= grant.moment]
    asked = max((one.moment for one in before if one.status == "pending"), default=None)
    return grant.is_double or (asked is not None and all(one.moment < asked for one in before if one.is_refusal))


def all_keys(history: list[Said]) -> set[Key]:
    return {
        (one.customer, purpose, channel)
        for one in history
        for purpose in ("marketing", "service")
        for channel in CHANNELS
    }


@settings(max_examples=40, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(history=HISTORIES, resent=st.integers(0, 4), is_turned=st.booleans())
def test_a_customer_allows_what_he_said_tonight_and_on_every_day(
    bare: duckdb.DuckDBPyConnection, history: list[Said], resent: int, is_turned: bool
) -> None:
    told = [*history, *history[:resent]]
    load(bare, told[::-1] if is_turned else told)
    tonight = {
        row[:3]: row[3:]
        for row in bare.execute(
            "select customer_key, purpose, channel, opt_in_state, is_granted, is_double_opt_in from core.dim_consents"
        ).fetchall()
    }
    expected = {key: read(history, key, NIGHT) for key in all_keys(history)}
    assert tonight == {
        key: (state, state in ("single", "double"), state == "double")
        for key, state in expected.items()
        if state not in (None, "pending")
    }
    spans = bare.execute(
        "select customer_key, purpose, channel, opt_in_state, is_granted, from_date,"
        " coalesce(until_date, date '9999-12-31') from core.fct_consent_states"
    ).fetchall()
    for night in [NIGHT + timedelta(days=days) for days in range(-PAST, 1)]:
        rows = [row for row in spans if row[5] <= night < row[6]]
        on_the_day = {key: read(history, key, night) for key in all_keys(history)}
        assert len({row[:3] for row in rows}) == len(rows)
        assert {row[:3]: row[3:5] for row in rows} == {
            key: (state, state in ("single", "double")) for key, state in on_the_day.items() if state
        }


@settings(max_examples=25, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(history=HISTORIES)
def test_customers_who_become_one_keep_the_stricter_consent(
    bare: duckdb.DuckDBPyConnection, history: list[Said]
) -> None:
    states = "select customer_key, purpose, channel, opt_in_state from core.dim_consents"
    load(bare, history)
    apart = bare.execute(states).fetchall()
    bare.execute("update consents set customer_key = 'm' || (cast(customer_key[2:] as integer) // 2)")
    bare.execute("update responses set customer_key = 'm' || (cast(customer_key[2:] as integer) // 2)")
    merged = {row[:3]: row[3] for row in bare.execute(states).fetchall()}
    order = ("withdrawn", "single", "double")
    stricter: dict[Key, str] = {}
    for customer, purpose, channel, state in apart:
        key = (f"m{int(customer[1:]) // 2}", purpose, channel)
        stricter[key] = min(state, stricter.get(key, "double"), key=order.index)
    assert merged == stricter

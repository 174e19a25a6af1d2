"""Facts of lists against the journals they are made of: the demo company's own, and histories drawn at random.

What is compared goes another way than the models: night by night over a dense grid of verdicts, in plain loops. The
chi-square is held against scipy's.
"""

from __future__ import annotations

import json
from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from itertools import groupby
from typing import Any

import duckdb
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import chisquare

from dagster_project.activation import prepare_journals
from dagster_project.transformation import dbt_layout
from tests.conftest import Company

Row = tuple[Any, ...]

NIGHTS = [date(2025, 12, 27) + timedelta(days=number) for number in range(8)]
SEGMENTS = ("seg_one", "seg_two")
KEYS = ("a", "b", "c")
VERDICTS = (None, "member", "no_consent", "holdout", "global_holdout")
ARMS = {"member": "treated", "holdout": "holdout", "global_holdout": "global_holdout"}

VIEWS = (
    ("intermediate", "int_segment_verdicts__spanned"),
    ("core", "fct_segment_memberships"),
    ("core", "fct_segment_exclusions"),
    ("core", "fct_segment_assignments"),
    ("kpi", "kpi_holdout_balance"),
    ("kpi", "kpi_contact_pressure_monthly"),
)
"""Parents before children."""

TABLES = """
    create schema core; create schema intermediate; create schema kpi;
    create table core.dim_customer_records (account_key varchar, customer_key varchar);
    create table core.dim_campaigns (campaign_key varchar, segment varchar);
    create table core.fct_campaign_contacts (
        customer_key varchar, campaign_key varchar, contact_date date, is_control boolean, is_deleted boolean
    );
    create table core.dim_parameters (
        as_of_date date, as_of_month date, contact_cap_count bigint, contact_cap_days bigint
    );
    create table kpi.kpi_holdout_draws (
        scope varchar, holdout_share decimal(9, 6), is_holdout boolean, customer_type varchar, customer_segment varchar,
        region varchar, country_code varchar, abc_class varchar, acquisition_channel varchar
    );
"""


@pytest.fixture(scope="module")
def bare(demo: Company) -> Iterator[duckdb.DuckDBPyConnection]:
    """Empty journals, with the models over them as views of the SQL that dbt compiled."""
    compiled = dbt_layout(demo.settings).target_dir / "compiled" / "kreislauf" / "models"
    with duckdb.connect(config={"threads": 1}) as connection:
        connection.execute("attach ':memory:' as warehouse; use warehouse")
        connection.execute(TABLES)
        prepare_journals(connection)
        for layer, model in VIEWS:
            sql = (compiled / layer / f"{model}.sql").read_text(encoding="utf-8")
            connection.execute(f"create view {layer}.{model} as {sql}")
        yield connection


def _fill(connection: duckdb.DuckDBPyConnection, table: str, columns: str, rows: Sequence[Row]) -> None:
    connection.execute(f"delete from {table}")
    if rows:
        connection.executemany(f"insert into {table} ({columns}) values ({', '.join('?' * len(rows[0]))})", rows)


@dataclass(frozen=True)
class History:
    """What was said of every candidate on every night, which lists left, and who has been merged into whom since."""

    verdicts: Mapping[tuple[str, str], Sequence[str | None]]
    delivered: Mapping[str, Sequence[bool]]
    merged_into: Mapping[str, str]

    def stays(self) -> Iterator[tuple[str, str, str, int, int]]:
        """Segment, key, verdict, first night and the night after the last of everything that was said on end."""
        for (segment, key), said in self.verdicts.items():
            for verdict, run in groupby(range(len(NIGHTS)), key=said.__getitem__):
                nights = list(run)
                if verdict is not None:
                    yield segment, key, verdict, nights[0], nights[-1] + 1

    def first_delivered(self, segment: str, *, since: int, until: int) -> int | None:
        return next((night for night in range(since, until) if self.delivered[segment][night]), None)

    def changes(self) -> list[Row]:
        """The journal: who changed, and, as after a repeated night, now and then somebody who did not."""
        rows: list[Row] = []
        for (segment, key), said in self.verdicts.items():
            former: str | None = None
            for number, verdict in enumerate(said):
                if verdict != former or (former is not None and number % 3 == 0):
                    rows.append((NIGHTS[number], segment, key, key, verdict or "left", f"reason {number}"))
                former = verdict
        return rows

    def assignments(self) -> list[Row]:
        rows = []
        for segment, key, verdict, since, until in self.stays():
            night = self.first_delivered(segment, since=since, until=until)
            if verdict in ARMS and night is not None:
                rows.append((NIGHTS[night], segment, key, key, ARMS[verdict]))
        return rows

    def write(self, connection: duckdb.DuckDBPyConnection) -> None:
        columns = "as_of_date, segment, member_key, customer_key"
        _fill(connection, "journal.segment_changes", f"{columns}, verdict, reason", self.changes())
        _fill(connection, "journal.segment_assignments", f"{columns}, arm", self.assignments())
        deliveries = [
            (NIGHTS[number], segment, "delivered" if is_delivered else "held_back")
            for segment, said in self.delivered.items()
            for number, is_delivered in enumerate(said)
        ]
        _fill(connection, "journal.deliveries", "as_of_date, segment, status", deliveries)
        records = [(key, self.merged_into.get(key, key)) for key in KEYS]
        _fill(connection, "core.dim_customer_records", "account_key, customer_key", records)


@st.composite
def histories(draw: st.DrawFn) -> History:
    grid = st.lists(st.sampled_from(VERDICTS), min_size=len(NIGHTS), max_size=len(NIGHTS))
    nights = st.lists(st.booleans(), min_size=len(NIGHTS), max_size=len(NIGHTS))
    return History(
        verdicts={(segment, key): draw(grid) for segment in SEGMENTS for key in KEYS},
        delivered={segment: draw(nights) for segment in SEGMENTS},
        merged_into=draw(st.sampled_from([{}, {"a": "b"}, {"a": "c", "b": "c"}])),
    )


def _night(number: int | None) -> date | None:
    return None if number is None or number >= len(NIGHTS) else NIGHTS[number]


@settings(max_examples=30)
@given(history=histories())
def test_stays_and_exclusions_are_what_was_said_night_by_night(
    bare: duckdb.DuckDBPyConnection, history: History
) -> None:
    history.write(bare)
    members, left_out = [], []
    for segment, key, verdict, since, until in history.stays():
        customer = history.merged_into.get(key, key)
        said = history.verdicts[segment, key]
        after = None if until == len(NIGHTS) else said[until] or "left"
        span = (segment, key, customer, _night(since), _night(until))
        if verdict == "member":
            first = history.first_delivered(segment, since=since, until=until)
            gone = f"reason {until}" if after == "left" else None
            members.append((*span, f"reason {since}", after, gone, _night(first)))
        else:
            left_out.append((*span, f"reason {since}", after, verdict))
    found = bare.execute(
        "select segment, member_key, customer_key, entered_date, left_date, entry_reason, exit_verdict, exit_reason,"
        " first_delivered_date from core.fct_segment_memberships"
    ).fetchall()
    assert Counter(found) == Counter(members)
    found = bare.execute(
        "select segment, member_key, customer_key, from_date, until_date, candidate_reason, next_verdict, verdict"
        " from core.fct_segment_exclusions"
    ).fetchall()
    assert Counter(found) == Counter(left_out)


@settings(max_examples=30)
@given(history=histories())
def test_a_customer_is_in_the_arm_of_the_first_assignment_under_any_key(
    bare: duckdb.DuckDBPyConnection, history: History
) -> None:
    history.write(bare)
    customers = defaultdict(list)
    for night, segment, key, _, arm in history.assignments():
        customers[segment, history.merged_into.get(key, key)].append((night, arm, key))
    wanted = [
        (segment, key, customer, night, min(rows)[1], arm, number, len({one for _, one, _ in rows}) > 1)
        for (segment, customer), rows in customers.items()
        for number, (night, arm, key) in enumerate(sorted(rows), start=1)
    ]
    found = bare.execute(
        "select segment, member_key, customer_key, assigned_date, arm, assigned_arm, assignment_number, is_mixed"
        " from core.fct_segment_assignments"
    ).fetchall()
    assert Counter(found) == Counter(wanted)


@settings(max_examples=30)
@given(
    treated=st.integers(0, 400),
    held_out=st.integers(0, 100),
    share=st.sampled_from([0.05, 0.1, 0.2, 0.5]),
)
def test_chi_square_of_a_draw_is_that_of_scipy(
    bare: duckdb.DuckDBPyConnection, treated: int, held_out: int, share: float
) -> None:
    bare.execute("delete from kpi.kpi_holdout_draws")
    bare.execute(
        "insert into kpi.kpi_holdout_draws select 'seg_one', ?, number <= ?, 'person', 'x', 'x', 'x', 'x', 'x'"
        " from range(1, ?) as numbers (number)",
        [share, held_out, treated + held_out + 1],
    )
    found = bare.execute("select chi2, is_balanced from kpi.kpi_holdout_balance where dimension = 'total'").fetchall()
    expected = (treated + held_out) * share
    if not treated + held_out:
        assert found == []
    elif expected < 5 - 1e-9:
        assert found == [(None, None)]
    else:
        statistic, p_value = chisquare([held_out, treated], [expected, treated + held_out - expected])
        ((chi2, is_balanced),) = found
        assert chi2 == pytest.approx(statistic, abs=1e-6)
        assert is_balanced == (p_value > 0.001)


CONTACTS = st.lists(
    st.tuples(st.sampled_from(KEYS), st.integers(0, 70), st.sampled_from(["list", "free", "listed", "control"])),
    max_size=25,
)


@settings(max_examples=30)
@given(contacts=CONTACTS, cap=st.integers(1, 3), window=st.integers(1, 30))
def test_contact_pressure_is_that_of_a_plain_loop(
    bare: duckdb.DuckDBPyConnection, contacts: list[tuple[str, int, str]], cap: int, window: int
) -> None:
    start, as_of = date(2025, 11, 1), date(2025, 12, 31)
    days = [(key, start + timedelta(days=number), kind, number) for key, number, kind in contacts]
    lists = {(day, key) for key, day, kind, _ in days if kind == "list" and day <= as_of}
    campaigns = [(key, kind, day, kind == "control", False) for key, day, kind, _ in days if kind != "list"]
    columns = "as_of_date, segment, member_key, customer_key, arm"
    _fill(bare, "journal.segment_assignments", columns, [(day, "seg_one", key, key, "treated") for day, key in lists])
    _fill(bare, "core.dim_customer_records", "account_key, customer_key", [(key, key) for key in KEYS])
    _fill(bare, "core.dim_campaigns", "campaign_key, segment", [("free", None), ("listed", "seg_one")])
    columns = "customer_key, campaign_key, contact_date, is_control, is_deleted"
    _fill(bare, "core.fct_campaign_contacts", columns, campaigns)
    columns = "as_of_date, as_of_month, contact_cap_count, contact_cap_days"
    _fill(bare, "core.dim_parameters", columns, [(as_of, as_of.replace(day=1), cap, window)])

    dates = defaultdict(list)
    for day, key in lists:
        dates[key].append(day)
    for key, kind, day, *_ in campaigns:
        if kind == "free" and day <= as_of:
            dates[key].append(day)
    counts: Counter[tuple[date, str]] = Counter()
    above = set()
    for key, found_days in dates.items():
        for number, day in enumerate(sorted(found_days)):
            counts[day.replace(day=1), key] += 1
            recent = [one for one in sorted(found_days)[: number + 1] if (day - one).days < window]
            if len(recent) > cap:
                above.add((day.replace(day=1), key))
    wanted: dict[tuple[date, int], list[int]] = defaultdict(lambda: [0, 0])
    for (month, key), count in counts.items():
        wanted[month, min(count, 10)][0] += 1
        wanted[month, min(count, 10)][1] += (month, key) in above
    found = bare.execute(
        "select month, contact_count, customer_count, above_cap_count from kpi.kpi_contact_pressure_monthly"
    ).fetchall()
    assert Counter(found) == Counter((*key, *values) for key, values in wanted.items())


def test_facts_of_the_demo_company_are_its_journal_told_again(demo: Company) -> None:
    changes = demo.query(
        "select segment, member_key, as_of_date, verdict from journal.segment_changes"
        " order by segment, member_key, as_of_date"
    )
    wanted: Counter[Row] = Counter()
    for (segment, key), rows in groupby(changes, key=lambda row: (row[0], row[1])):
        said = [(verdict, next(group)[2]) for verdict, group in groupby(rows, key=lambda row: row[3])]
        ends = [since for _, since in said[1:]] + [None]
        wanted.update(
            (segment, key, verdict, since, end)
            for (verdict, since), end in zip(said, ends, strict=True)
            if verdict != "left"
        )
    found = demo.query(
        "select segment, member_key, 'member', entered_date, left_date from core.fct_segment_memberships"
        " union all select segment, member_key, verdict, from_date, until_date from core.fct_segment_exclusions"
    )
    assert wanted
    assert Counter(found) == wanted


def test_manifests_of_the_demo_company_count_what_the_facts_count(demo: Company) -> None:
    manifests = sorted(demo.settings.exports_dir.rglob("manifest.json"))
    facts = demo.query(
        "select segment, 'member', entered_date, left_date from core.fct_segment_memberships"
        " union all select segment, verdict, from_date, until_date from core.fct_segment_exclusions"
    )
    told = set()
    for path in manifests:
        manifest = json.loads(path.read_text(encoding="utf-8"))
        night, counts = date.fromisoformat(manifest["as_of_date"]), manifest["counts"]
        found = Counter(
            verdict
            for segment, verdict, since, until in facts
            if segment == manifest["segment"] and since <= night and (until is None or until > night)
        )
        told.add((manifest["segment"], night))
        assert counts["candidates"] == found.total()
        assert counts["members"] == found.pop("member", 0)
        assert {reason: one["count"] for reason, one in manifest["dropped"].items()} == found
    assert told == set(demo.query("select segment, as_of_date from core.fct_segment_deliveries"))


def test_whoever_stands_in_a_file_is_a_member_and_has_been_assigned(demo: Company) -> None:
    members = demo.query(
        "select segment, member_key from core.fct_segment_memberships"
        " where is_current and first_delivered_date is not null"
    )
    treated = demo.query("select segment, member_key from core.fct_segment_assignments where assigned_arm = 'treated'")
    listed: list[Row] = []
    addressed: list[Row] = []
    for folder in demo.settings.exports_dir.glob("seg_*/2*"):
        manifest = json.loads((folder / "manifest.json").read_text(encoding="utf-8"))
        definition = manifest["definition"]["settings"]
        keys = pl.read_parquet(folder / "members.parquet")[definition["key"]].to_list()
        listed += [(manifest["segment"], key) for key in keys]
        addressed += [(manifest["segment"], key) for key in keys if definition["channel"] != "internal"]
    assert listed
    assert Counter(members) == Counter(listed)
    assert Counter(treated) == Counter(addressed)

"""Half a year of lists at a company whose truth is known: the real engine and the compiled SQL of the effect, no dbt.

Customers buy with rates of their own that differ by stratum and season, and drop out. Two lists compete for them, each
with its holdout, cool-down and cap; newsletters press on the cap; records are merged; one list is held back on a night.
Whoever is new on a list gets a message, and with a known probability orders once more because of it.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, timedelta
from pathlib import Path

import duckdb
import numpy as np
import polars as pl

from dagster_project.activation.journals import prepare_journals
from dagster_project.activation.judging import judge
from dagster_project.activation.recording import can_leave, record_delivery, record_verdicts
from dagster_project.activation.results import Delivery
from dagster_project.activation.segments import SegmentDefinition, SegmentSettings
from dagster_project.simulation.draws import Bools, Floats, Ints

EFFECT_MODELS = (
    "fct_segment_assignments",
    "kpi_holdout_draws",
    "kpi_campaign_costs",
    "kpi_campaign_assignments",
    "kpi_list_assignments",
    "kpi_experiment_outcomes",
    "kpi_experiment_lifts",
    "kpi_holdout_balance",
    "kpi_segment_effect",
)
"""Parents before children."""

START = date(2025, 1, 1)
BEFORE_DAYS = 130
OUTCOME_DAYS = 30
GLOBAL_SHARE = 0.05
WIN_BACK, CROSS_SELL = "seg_win_back", "seg_cross_sell"
SEGMENTS = (CROSS_SELL, WIN_BACK)
HOLDOUT_SHARES: Mapping[str, float] = {CROSS_SELL: 0.3, WIN_BACK: 0.2}
DAILY_RATES = (0.004, 0.012, 0.03)
"""Chance to order on a day, by stratum."""


@dataclass(frozen=True)
class Plan:
    """What is simulated.

    Args:
        customers: Persons; one in twenty has a second record, which is found out some time, or never.
        nights: How many nights with lists.
        every_days: Days from one night to the next.
        effect: Chance that a message makes somebody order once more.
    """

    customers: int = 3_000
    nights: int = 26
    every_days: int = 7
    effect: float = 0.08

    @property
    def days(self) -> int:
        """Length of the simulation after its first night."""
        return (self.nights - 1) * self.every_days


@dataclass(frozen=True)
class Measured:
    """The effect of one scope as the warehouse tells it, beside what is true.

    Args:
        scope: Name of the segment, or `all`.
        treated: Customers who were to be addressed.
        held_out: Customers who were held out.
        lift: Measured difference of the shares who ordered.
        lower: Lower bound of its 95 % interval.
        upper: Upper bound.
        truth: True difference for the people who were assigned.
    """

    scope: str
    treated: int
    held_out: int
    lift: float
    lower: float
    upper: float
    truth: float

    @property
    def is_covered(self) -> bool:
        """The interval holds the truth."""
        return self.lower <= self.truth <= self.upper

    @property
    def deviation(self) -> float:
        """How many standard errors the measured lift lies from the truth."""
        side = self.lift - self.lower if self.lift > self.truth else self.upper - self.lift
        return (self.lift - self.truth) / side * 1.959963984540054

    @property
    def is_significant(self) -> bool:
        """The interval leaves out zero."""
        return not self.lower <= 0 <= self.upper


@dataclass
class Company:
    """What is true: who orders on which day by itself, and what messages do."""

    plan: Plan
    random: np.random.Generator
    keys: list[str]
    stratum: Ints
    merges: list[tuple[int, int, int]]
    base: Bools
    caused: Bools
    is_current: Bools
    messages: list[pl.DataFrame] = field(default_factory=list)

    def day(self, column: int) -> date:
        """The date of a column of the histories."""
        return START + timedelta(days=column - BEFORE_DAYS)

    def merge(self, night: int) -> bool:
        """Put the records together that turn out to be one customer before this night."""
        due = [(kept, gone) for at, kept, gone in self.merges if at == night]
        for kept, gone in due:
            for history in (self.base, self.caused):
                history[kept] |= history[gone]
                history[gone] = False
            self.is_current[gone] = False
        return bool(due)

    def candidates(self, column: int) -> dict[str, Ints]:
        """Who meets the rule of each list at the end of a day."""
        ordered = (self.base | self.caused)[:, : column + 1]
        since = np.where(ordered.any(axis=1), np.argmax(ordered[:, ::-1], axis=1), 999)
        return {
            WIN_BACK: np.flatnonzero(self.is_current & (since >= 30) & (since <= 120)),
            CROSS_SELL: np.flatnonzero(self.is_current & (self.stratum > 0) & (since >= 14) & (since <= 90)),
        }

    def send(self, segment: str, addressed: Ints, column: int) -> None:
        """Messages go out on the next morning; who is moved orders within ten days."""
        is_moved = self.random.random(addressed.size) < self.plan.effect
        order_at = column + 1 + self.random.integers(0, 10, addressed.size)
        inside = is_moved & (order_at < self.caused.shape[1])
        self.caused[addressed[inside], order_at[inside]] = True
        self.messages.append(
            pl.DataFrame(
                {
                    "customer": addressed,
                    "column": np.full(addressed.size, column),
                    "is_moved": is_moved,
                    "at": order_at,
                },
            ).with_columns(segment=pl.lit(segment))
        )


def draw(plan: Plan, *, seed: int) -> Company:
    """A company of its own for each seed."""
    random = np.random.default_rng([seed, 5])
    doubled = np.flatnonzero(random.random(plan.customers) < 0.05)
    owner = np.r_[np.arange(plan.customers), doubled]
    stratum = random.choice(3, plan.customers, p=(0.5, 0.3, 0.2))
    columns = BEFORE_DAYS + plan.days + 1
    season = 1 + 0.5 * np.sin(np.arange(columns) / 58.0)
    rate = np.array(DAILY_RATES)[stratum][:, None] * season[None, :]
    gone_at = random.exponential(500, plan.customers)
    lives = np.arange(columns)[None, :] < np.where(gone_at < 60, 10_000, gone_at)[:, None]
    orders = (random.random((plan.customers, columns)) < rate) & lives
    # Two records of one person share its orders by chance.
    first = random.random((doubled.size, columns)) < 0.6
    base = np.vstack([orders, orders[doubled] & ~first])
    base[doubled] &= first
    found_at = random.integers(2, plan.nights * 2, doubled.size)
    swapped = random.random(doubled.size) < 0.5
    second = plan.customers + np.arange(doubled.size)
    kept, lost = np.where(swapped, second, doubled), np.where(swapped, doubled, second)
    keys = [hashlib.md5(f"{seed}|{place}".encode()).hexdigest() for place in range(owner.size)]
    return Company(
        plan=plan,
        random=random,
        keys=keys,
        stratum=stratum[owner],
        merges=list(zip(found_at.tolist(), kept.tolist(), lost.tolist(), strict=True)),
        base=base,
        caused=np.zeros_like(base),
        is_current=np.ones(owner.size, dtype=np.bool_),
    )


def definitions() -> tuple[SegmentDefinition, ...]:
    """Two lists that want the same people."""

    def one(name: str, priority: int) -> SegmentDefinition:
        settings = SegmentSettings(
            title=name,
            owner="marketing",
            purpose="marketing",
            legal_basis="consent",
            channel="email",
            min_size=0,
            max_size=10**6,
            priority=priority,
            holdout_share=HOLDOUT_SHARES[name],
            cool_down_days=45,
            contact_cap=2,
            outcome_days=OUTCOME_DAYS,
        )
        return SegmentDefinition(name=name, settings=settings, sql="select 1")

    return one(CROSS_SELL, 20), one(WIN_BACK, 10)


SCHEMA = """
    create schema core;
    create schema kpi;
    create schema segments;
    create table core.dim_customers as
    select
        customer_key, true as is_current, 'Person' as name, customer_key || '@example.org' as email,
        cast(null as varchar) as phone, cast(null as varchar) as street, cast(null as varchar) as postal_code,
        cast(null as varchar) as city, false as is_test, false as is_deleted, date '1900-01-01' as valid_from,
        date '9999-12-31' as valid_to, 'person' as customer_type, stratum as customer_segment,
        cast(null as varchar) as region, cast(null as varchar) as country_code,
        cast(null as varchar) as acquisition_channel
    from _people;
    create table core.dim_customer_records as select customer_key as account_key, customer_key from _people;
    create table core.dim_consents as
    select
        customer_key, 'marketing' as purpose, 'email' as channel, stratum <> 'c' or hash(customer_key) % 10 > 0
        as is_granted, date '2024-01-01' as since_date, true as is_double_opt_in
    from _people;
    create table core.dim_suppressions (customer_key varchar, channel varchar, reason varchar);
    create table core.dim_campaigns (campaign_key varchar, segment varchar);
    create table core.fct_campaign_contacts (
        campaign_contact_key varchar, campaign_key varchar, customer_key varchar, contact_date date,
        argument varchar, is_control boolean, is_deleted boolean, is_clicked boolean, is_replied boolean,
        is_converted boolean, cost_amount decimal(18, 2)
    );
    create table core.fct_costs (
        campaign_key varchar, cost_amount decimal(18, 2), booked_date date, is_deleted boolean
    );
    create table core.fct_order_lines (customer_key varchar, order_date date, is_countable boolean);
    create table kpi.kpi_value_classes_monthly (customer_key varchar, month date, abc_revenue_class varchar);
    create table kpi.kpi_customer_contributions (
        customer_key varchar, contribution_date date, order_count bigint, contribution_amount decimal(18, 2)
    );
    create table core.dim_parameters (
        as_of_date date, outcome_window_days bigint, contact_cap_count bigint, contact_cap_days bigint,
        global_holdout_share double
    );
    create temp table listed (segment varchar, customer_key varchar);
"""


def live(plan: Plan, *, seed: int, folder: Path, models: Sequence[tuple[str, str, str]]) -> tuple[Measured, ...]:
    """Half a year of nights, and what the warehouse says of the lists at its end.

    Args:
        plan: How long, how many, with which effect.
        seed: Decides who is who and what chance does.
        folder: Where the warehouse may lie; it is overwritten.
        models: Relation, kind and SQL of `EFFECT_MODELS`.
    """
    company = draw(plan, seed=seed)
    path = folder / "warehouse.duckdb"
    path.unlink(missing_ok=True)
    with duckdb.connect(str(path), config={"threads": 1}) as connection:
        _found(connection, company)
        for night in range(plan.nights):
            _night(connection, company, night=night)
        _tell(connection, company, models=models)
        return _measured(connection, company)


def _found(connection: duckdb.DuckDBPyConnection, company: Company) -> None:
    people = pl.DataFrame({"customer_key": company.keys, "stratum": [("a", "b", "c")[one] for one in company.stratum]})
    connection.register("_people", people.to_arrow())
    connection.execute(SCHEMA)
    connection.execute(
        "insert into core.dim_parameters values (?, ?, 4, 30, ?)",
        [company.day(BEFORE_DAYS + company.plan.days), OUTCOME_DAYS, GLOBAL_SHARE],
    )
    prepare_journals(connection)


def _night(connection: duckdb.DuckDBPyConnection, company: Company, *, night: int) -> None:
    """One night: merges become known, lists are judged, recorded and sent; the first ones wait for a release."""
    column = BEFORE_DAYS + night * company.plan.every_days
    as_of = company.day(column)
    if company.merge(night):
        _merge(connection, company, night=night)
    if night % 4 == 2:
        _newsletter(connection, company, as_of=as_of)
    _fill_segments(connection, company, column=column)
    segments = definitions()
    leaving = can_leave(connection, as_of=as_of, released=SEGMENTS if night == 1 else ())
    judge(connection, segments=segments, can_leave=leaving, as_of=as_of)
    record_verdicts(connection, segments=segments, as_of=as_of, run_id="run", are_all=True)
    for segment in SEGMENTS:
        is_held_back = segment not in leaving or (segment == CROSS_SELL and night == company.plan.nights // 2)
        record_delivery(connection, _delivery(segment, as_of=as_of, is_held_back=is_held_back))
        if not is_held_back:
            company.send(segment, _new_members(connection, company, segment=segment, as_of=as_of), column)


def _merge(connection: duckdb.DuckDBPyConnection, company: Company, *, night: int) -> None:
    pairs = [(company.keys[kept], company.keys[gone]) for at, kept, gone in company.merges if at == night]
    frame = pl.DataFrame(pairs, schema=["kept", "gone"], orient="row")
    connection.register("_merged", frame.to_arrow())
    connection.execute(
        """
        update core.dim_customer_records set customer_key = _merged.kept
        from _merged where dim_customer_records.customer_key = _merged.gone;
        update core.fct_campaign_contacts set customer_key = _merged.kept
        from _merged where fct_campaign_contacts.customer_key = _merged.gone;
        delete from core.dim_customers where customer_key in (select gone from _merged);
        delete from core.dim_consents where customer_key in (select gone from _merged);
        """
    )
    connection.unregister("_merged")


def _newsletter(connection: duckdb.DuckDBPyConnection, company: Company, *, as_of: date) -> None:
    """Mailings that no list knows of, and that count for the cap."""
    chosen = np.flatnonzero(company.is_current & (company.random.random(company.is_current.size) < 0.4))
    _contacts(connection, company, chosen=chosen, campaign=f"newsletter {as_of}", segment=None, day=as_of)


def _contacts(
    connection: duckdb.DuckDBPyConnection,
    company: Company,
    *,
    chosen: Ints,
    campaign: str,
    segment: str | None,
    day: date,
) -> None:
    arguments = np.array(["price", "quality"])[company.random.integers(0, 2, chosen.size)]
    frame = pl.DataFrame({"customer_key": [company.keys[place] for place in chosen], "argument": arguments})
    connection.execute("insert into core.dim_campaigns values (?, ?)", [campaign, segment])
    connection.register("_contacts", frame.to_arrow())
    connection.execute(
        """
        insert into core.fct_campaign_contacts
        select
            md5($campaign || customer_key), $campaign, customer_key, $day, argument, false, false, false, false, false,
            0.02
        from _contacts
        """,
        {"campaign": campaign, "day": day},
    )
    connection.unregister("_contacts")


def _fill_segments(connection: duckdb.DuckDBPyConnection, company: Company, *, column: int) -> None:
    for segment, places in company.candidates(column).items():
        frame = pl.DataFrame({"customer_key": [company.keys[place] for place in places]})
        connection.register("_candidates", frame.to_arrow())
        connection.execute(
            f"create or replace table segments.{segment} as select customer_key, 'because' as reason from _candidates"
        )
        connection.unregister("_candidates")


def _delivery(segment: str, *, as_of: date, is_held_back: bool) -> Delivery:
    """The row of the journal; what it counts is of no account here."""
    return Delivery(
        segment=segment,
        as_of=as_of,
        status="held_back" if is_held_back else "delivered",
        message="",
        is_releasable=is_held_back,
        is_released=False,
        released_by=None,
        candidate_count=0,
        member_count=0,
        dropped_count=0,
        holdout_count=0,
        added_count=None,
        kept_count=None,
        changed_count=None,
        removed_count=None,
        previous_date=None,
        checksum="",
        definition_sha256="",
        base_rate=None,
        minimum_detectable_effect=None,
        sample_ratio_chi2=None,
        run_id="run",
    )


def _new_members(connection: duckdb.DuckDBPyConnection, company: Company, *, segment: str, as_of: date) -> Ints:
    """Whom the campaign tool writes to: who is on the list that left and was not on the one before."""
    rows = connection.execute(
        "select customer_key from judged where segment = $segment and verdict = 'member'"
        " and customer_key not in (select customer_key from listed where segment = $segment) order by all",
        {"segment": segment},
    ).fetchall()
    connection.execute("delete from listed where segment = ?", [segment])
    connection.execute(
        "insert into listed select segment, customer_key from judged where segment = ? and verdict = 'member'",
        [segment],
    )
    places = {key: place for place, key in enumerate(company.keys)}
    chosen: Ints = np.array([places[row[0]] for row in rows], dtype=np.int64)
    day = as_of + timedelta(days=1)
    _contacts(connection, company, chosen=chosen, campaign=f"{segment} {as_of}", segment=segment, day=day)
    return chosen


def _tell(connection: duckdb.DuckDBPyConnection, company: Company, *, models: Sequence[tuple[str, str, str]]) -> None:
    """Orders up to the last night, and every model of the effect on them."""
    place, column = np.nonzero(company.base | company.caused)
    frame = pl.DataFrame({"customer_key": np.array(company.keys)[place], "day": column - BEFORE_DAYS})
    connection.register("_orders", frame.to_arrow())
    connection.execute(
        f"insert into kpi.kpi_customer_contributions"
        f" select customer_key, date '{START}' + cast(day as integer), 1, 10 from _orders"
    )
    for relation, _, sql in models:
        connection.execute(f"create or replace table {relation} as {sql}")


def _measured(connection: duckdb.DuckDBPyConnection, company: Company) -> tuple[Measured, ...]:
    rows = connection.execute(
        "select segment, treated_count, holdout_count, absolute_lift, lower_bound, upper_bound"
        " from kpi.kpi_segment_effect where dimension <> 'argument' order by all"
    ).fetchall()
    return tuple(Measured(*(*row, _truth(connection, company, scope=row[0]))) for row in rows)


def _truth(connection: duckdb.DuckDBPyConnection, company: Company, *, scope: str) -> float:
    """By how much the share who order in their window truly is higher for those who were to be addressed.

    A message adds the effect to those who would not have ordered in the window without it. For all lists together it is
    what all messages in the window of those who were not in the global holdout do.
    """
    assigned = connection.execute(
        "select customer_key, assigned_date, is_holdout from kpi.kpi_list_assignments"
        " where scope = ? and until_date <= ?",
        ["global" if scope == "all" else scope, company.day(BEFORE_DAYS + company.plan.days)],
    ).pl()
    places = {key: place for place, key in enumerate(company.keys)}
    kept = {gone: kept for at, kept, gone in company.merges if at < company.plan.nights}
    messages = pl.concat(company.messages).with_columns(
        customer=pl.col("customer").replace(list(kept), list(kept.values()))
    )
    frame = assigned.select(
        customer=pl.col("customer_key").replace_strict(places, return_dtype=pl.Int64),
        begin=(pl.col("assigned_date") - START).dt.total_days() + BEFORE_DAYS,
        is_holdout="is_holdout",
    )
    bought = _in_window(company.base, frame)
    near = frame.join(messages, on="customer", how="inner").filter(
        pl.col("column") >= pl.col("begin"), pl.col("column") < pl.col("begin") + OUTCOME_DAYS
    )
    if scope == "all":
        counts = near.group_by("customer").len()
        sent = frame.join(counts, on="customer", how="left", maintain_order="left")["len"].fill_null(0).to_numpy()
        gain = (1 - (1 - company.plan.effect) ** sent) * ~bought
        return float(gain[~frame["is_holdout"].to_numpy()].mean())
    is_own = (pl.col("segment") == scope) & (pl.col("column") == pl.col("begin"))
    moved = near.filter(~is_own & pl.col("is_moved")).filter(pl.col("at") <= pl.col("begin") + OUTCOME_DAYS)
    other = frame["customer"].is_in(moved["customer"].implode()).to_numpy()
    return float(company.plan.effect * (1 - (bought | other).mean()))


def _in_window(history: Bools, frame: pl.DataFrame) -> Bools:
    total: Floats = np.cumsum(history, axis=1).astype(np.float64)
    customer, begin = frame["customer"].to_numpy(), frame["begin"].to_numpy()
    return np.asarray(total[customer, begin + OUTCOME_DAYS] - total[customer, begin] > 0)

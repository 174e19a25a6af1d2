"""Lift and effect against other libraries, a published table, and plain loops over a history drawn at random.

The compiled SQL runs in a bare connection: what is compared goes another way than the models.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from itertools import product
from typing import Any

import duckdb
import numpy as np
import polars as pl
import pytest
from statsmodels.stats.proportion import confint_proportions_2indep
from statsmodels.stats.weightstats import CompareMeans, DescrStatsW

from dagster_project.activation import prepare_journals
from dagster_project.activation.measuring import detectable_effect
from dagster_project.transformation import dbt_layout
from tests.conftest import Company

Row = dict[str, Any]

PUBLISHED = (
    ((56, 70, 48, 80), (0.0524, 0.3339)),
    ((9, 10, 3, 10), (0.1705, 0.8090)),
    ((6, 7, 2, 7), (0.0582, 0.8062)),
    ((5, 56, 0, 29), (-0.0381, 0.1926)),
    ((0, 10, 0, 20), (-0.1611, 0.2775)),
    ((0, 10, 0, 10), (-0.2775, 0.2775)),
    ((10, 10, 0, 20), (0.6791, 1.0000)),
    ((10, 10, 0, 10), (0.6075, 1.0000)),
)
"""Newcombe, Interval estimation for the difference between independent proportions (1998), table II, method 10."""

AS_OF = date(2025, 12, 10)
FIRST = date(2025, 11, 1)
LISTS = tuple(f"list_{number:02}" for number in range(40))
"""Campaigns; the segment each was sent to is called seg_list_…, and there is one more that was sent to none."""
RECORDS = {f"record_{number:02}": f"customer_{number * 2 // 3:02}" for number in range(60)}
"""Customer of each record, every third has two; there are records that nobody is any more besides."""
HOUSE_WINDOW = 20

VIEWS = (
    ("core", "fct_segment_assignments"),
    ("kpi", "kpi_campaign_costs"),
    ("kpi", "kpi_campaign_assignments"),
    ("kpi", "kpi_holdout_draws"),
    ("kpi", "kpi_holdout_balance"),
    ("kpi", "kpi_list_assignments"),
    ("kpi", "kpi_experiment_outcomes"),
    ("kpi", "kpi_experiment_lifts"),
    ("kpi", "kpi_segment_effect"),
)
"""Parents before children."""

TABLES = f"""
    create schema core; create schema kpi;
    create table core.dim_parameters as
        select date '{AS_OF}' as as_of_date, {HOUSE_WINDOW} as outcome_window_days, 0.05 as global_holdout_share;
    create table core.dim_customer_records (account_key varchar, customer_key varchar);
    create table core.dim_customers (
        customer_key varchar, valid_from date, valid_to date, customer_type varchar, customer_segment varchar,
        region varchar, country_code varchar, acquisition_channel varchar
    );
    create table core.dim_campaigns (campaign_key varchar, segment varchar);
    create table core.fct_campaign_contacts (
        campaign_contact_key varchar, campaign_key varchar, customer_key varchar, contact_date date, argument varchar,
        cost_amount decimal(18, 2), is_control boolean, is_clicked boolean, is_replied boolean, is_converted boolean,
        is_deleted boolean
    );
    create table core.fct_costs (
        campaign_key varchar, booked_date date, cost_amount decimal(18, 2), is_deleted boolean
    );
    create table kpi.kpi_value_classes_monthly (customer_key varchar, month date, abc_revenue_class varchar);
    create table kpi.kpi_customer_contributions (
        customer_key varchar, contribution_date date, order_count bigint, contribution_amount decimal(18, 2)
    );
"""


@pytest.fixture(scope="module")
def compiled(demo: Company) -> Mapping[str, str]:
    """SQL of the models by name, as dbt compiled it for the demo company."""
    folder = dbt_layout(demo.settings).target_dir / "compiled" / "kreislauf" / "models"
    return {name: (folder / layer / f"{name}.sql").read_text(encoding="utf-8") for layer, name in VIEWS}


@pytest.fixture(scope="module")
def bare(compiled: Mapping[str, str]) -> Iterator[duckdb.DuckDBPyConnection]:
    """Empty tables, with the models over them as views."""
    with duckdb.connect(config={"threads": 1}) as connection:
        connection.execute("attach ':memory:' as warehouse; use warehouse")
        connection.execute(TABLES)
        prepare_journals(connection)
        for layer, name in VIEWS:
            connection.execute(f"create view {layer}.{name} as {compiled[name]}")
        yield connection


def _lifts(sql: str, outcomes: pl.DataFrame) -> list[Row]:
    """Rows of kpi_experiment_lifts over outcomes: columns experiment, is_treated, is_converted, margin_amount."""
    with duckdb.connect(config={"threads": 1}) as connection:
        connection.execute("attach ':memory:' as warehouse; use warehouse; create schema kpi")
        connection.register("outcomes", outcomes)
        connection.execute(
            """
            create table kpi.kpi_experiment_outcomes as
            select
                'campaign' as experiment_type, experiment, is_treated, is_converted,
                cast(margin_amount as decimal(18, 2)) as margin_amount, date '2025-01-01' as assigned_date,
                true as is_over, true as is_same_draw, cast(null as decimal(9, 6)) as holdout_share,
                'unknown' as argument, 0 as contact_count, false as is_responded,
                cast(0 as decimal(18, 8)) as contact_cost
            from outcomes
            """
        )
        return connection.execute(sql).pl().to_dicts()


def _people(cases: Sequence[tuple[int, int, int, int]]) -> pl.DataFrame:
    """One person per row; the number of the case is the experiment."""
    arms = [
        (str(number), treated, converted, people)
        for number, (x1, n1, x2, n2) in enumerate(cases)
        for treated, converted, people in (
            (True, True, x1),
            (True, False, n1 - x1),
            (False, True, x2),
            (False, False, n2 - x2),
        )
    ]
    frame = pl.DataFrame(arms, schema=["experiment", "is_treated", "is_converted", "people"], orient="row")
    return frame.select(pl.exclude("people").repeat_by("people").explode(), margin_amount=pl.lit(0))


def test_the_interval_is_the_published_one_and_that_of_statsmodels(compiled: Mapping[str, str]) -> None:
    sizes = ((1, 1), (1, 7), (3, 2), (20, 5), (40, 400), (400, 40))
    cases = [counts for counts, _ in PUBLISHED] + [
        (x1, n1, x2, n2)
        for n1, n2 in sizes
        for x1, x2 in product({0, 1, n1 // 3, n1 - 1, n1}, {0, 1, n2 // 3, n2 - 1, n2})
    ]
    found = {int(row["experiment"]): row for row in _lifts(compiled["kpi_experiment_lifts"], _people(cases))}
    assert len(found) == len(cases)
    for number, (_, limits) in enumerate(PUBLISHED):
        assert (found[number]["lower_bound"], found[number]["upper_bound"]) == pytest.approx(limits, abs=5e-5)
    for number, (x1, n1, x2, n2) in enumerate(cases):
        row, case = found[number], (x1, n1, x2, n2)
        limits = confint_proportions_2indep(x1, n1, x2, n2, method="newcomb", compare="diff")
        assert (row["lower_bound"], row["upper_bound"]) == pytest.approx(limits, abs=2e-9), case
        assert row["absolute_lift"] == pytest.approx(x1 / n1 - x2 / n2, abs=2e-9), case
        assert row["relative_lift"] == (pytest.approx(x1 / n1 / (x2 / n2) - 1, abs=2e-9) if x2 else None), case
        assert row["minimum_detectable_effect"] == pytest.approx(
            detectable_effect((x2 + 1) / (n2 + 2), treated=n1, holdout=n2), abs=2e-9
        ), case


def test_the_interval_of_the_margin_is_that_of_statsmodels(compiled: Mapping[str, str]) -> None:
    random = np.random.default_rng(1998)
    margins = {
        (experiment, treated): np.round(random.lognormal(3, 1, people) * (random.random(people) < 0.3) - 1, 2)
        for experiment, sizes in (("small", (12, 5)), ("large", (900, 110)))
        for treated, people in zip((True, False), sizes, strict=True)
    }
    outcomes = pl.concat(
        pl.DataFrame({"margin_amount": values}).select(
            "margin_amount", experiment=pl.lit(experiment), is_treated=pl.lit(treated), is_converted=pl.lit(treated)
        )
        for (experiment, treated), values in margins.items()
    )
    for row in _lifts(compiled["kpi_experiment_lifts"], outcomes):
        treated, control = margins[row["experiment"], True], margins[row["experiment"], False]
        means = CompareMeans(DescrStatsW(treated), DescrStatsW(control))
        limits = np.array(means.zconfint_diff(usevar="unequal")) * treated.size
        margin, width = float(row["incremental_margin_amount"]), float(row["margin_width_amount"])
        assert (margin - width, margin + width) == pytest.approx(limits, abs=0.02)


@dataclass(frozen=True)
class History:
    """What was decided, sent and bought: nights of settings, assignments, contacts, days of orders."""

    settings: dict[tuple[str, date], tuple[float, int | None]]
    assignments: list[tuple[str, str, date, str]]
    contacts: list[tuple[str, str, date, str, bool]]
    orders: dict[tuple[str, date], tuple[int, int | None]]


@dataclass(frozen=True)
class Person:
    """One customer in one experiment."""

    is_held_out: bool
    is_over: bool
    is_same_draw: bool
    is_converted: bool
    margin: float
    argument: str
    is_contacted: bool
    is_responded: bool
    cost: float


def _history(random: np.random.Generator) -> History:
    nights = [FIRST + timedelta(days=3 * number) for number in range(8)]
    days = [FIRST + timedelta(days=number) for number in range((AS_OF - FIRST).days + 3)]
    customers = sorted({*RECORDS.values()})
    segments = [f"seg_{name}" for name in LISTS]
    settings = {
        (segment, night): (float(random.choice([0.2] * 10 + [0.5, 0.0])), (None, 5, 12)[random.integers(3)])
        for segment in segments
        for night in nights
    }
    assignments = [
        (segment, member, night, str(random.choice(["treated", "treated", "holdout", "global_holdout"])))
        for segment in segments
        for member in (*RECORDS, "nobody")
        for night in nights
        if random.random() < 0.05
    ]
    contacts = [
        (
            str(random.choice([*LISTS, "none"])),
            str(random.choice(customers)),
            days[random.integers(len(days))],
            str(random.choice(["price", "quality", "unknown"])),
            bool(random.random() < 0.3),
        )
        for _ in range(6_000)
    ]
    orders = {
        (customer, day): (int(random.integers(0, 3)), None if random.random() < 0.1 else int(random.integers(-9, 99)))
        for customer in customers
        for day in days
        if day <= AS_OF and random.random() < 0.04
    }
    return History(settings, assignments, contacts, orders)


def _store(connection: duckdb.DuckDBPyConnection, history: History) -> None:
    rows: dict[str, list[tuple[Any, ...]]] = {
        "journal.segments (segment, as_of_date, holdout_share, outcome_days)": [
            (*key, *values) for key, values in history.settings.items()
        ],
        "journal.segment_assignments (segment, member_key, customer_key, as_of_date, arm)": [
            (segment, member, member, night, arm) for segment, member, night, arm in history.assignments
        ],
        "core.dim_customer_records": list(RECORDS.items()),
        "core.dim_campaigns": [*((name, f"seg_{name}") for name in LISTS), ("none", None)],
        "core.fct_costs": [(name, FIRST, 100, False) for name in LISTS[::2]],
        "core.fct_campaign_contacts": [
            (f"{number:04}", campaign, customer, day, argument, 0.5, False, clicked, False, False, False)
            for number, (campaign, customer, day, argument, clicked) in enumerate(history.contacts)
        ],
        "kpi.kpi_customer_contributions": [(*key, *values) for key, values in history.orders.items()],
    }
    for table, values in rows.items():
        connection.register("frame", pl.DataFrame(values, orient="row", infer_schema_length=None))
        connection.execute(f"insert into {table} from frame")
        connection.unregister("frame")


def _first(history: History, scope: str) -> dict[str, tuple[date, str, float]]:
    """Of each customer the night, the arm and the share of the first assignment; two on one night: the stricter."""
    found: dict[str, tuple[date, str, float]] = {}
    for segment, member, night, arm in sorted(history.assignments, key=lambda one: (one[2], one[3], one[1])):
        if member in RECORDS and scope in {segment, "all"}:
            share = 0.05 if scope == "all" else history.settings[segment, night][0]
            found.setdefault(RECORDS[member], (night, arm, share))
    if scope == "all":
        return found
    return {customer: one for customer, one in found.items() if one[1] != "global_holdout"}


def _people_of(history: History, scope: str) -> list[Person]:
    """Everybody who takes part in an experiment, and what he did in his window."""
    first, held = _first(history, scope), "global_holdout" if scope == "all" else "holdout"
    shares = [share for night, _, share in sorted(first.values(), key=lambda one: one[0]) if share > 0]
    share_of_draw = shares[-1] if shares else 0.0
    sent = [one for one in history.contacts if one[2] <= AS_OF]
    price = {
        campaign: round((100 if campaign in LISTS[::2] else 0.5 * len(all_sent)) / len(all_sent), 8)
        for campaign in {one[0] for one in sent}
        if (all_sent := [one for one in sent if one[0] == campaign])
    }
    people = []
    for customer, (night, arm, share) in first.items():
        own = None if scope == "all" else history.settings[scope, night][1]
        until = night + timedelta(days=own or HOUSE_WINDOW)
        mine = sorted(
            (day, number, campaign, argument, clicked)
            for number, (campaign, whom, day, argument, clicked) in enumerate(history.contacts)
            if whom == customer
            and night <= day <= min(until, AS_OF)
            and campaign != "none"
            and scope in {f"seg_{campaign}", "all"}
        )
        bought = [order for (whom, day), order in history.orders.items() if whom == customer and night < day <= until]
        people.append(
            Person(
                is_held_out=arm == held,
                is_over=until <= AS_OF,
                is_same_draw=share == share_of_draw,
                is_converted=sum(count for count, _ in bought) > 0,
                margin=sum(margin or 0 for _, margin in bought),
                argument=mine[0][3] if mine else "unknown",
                is_contacted=bool(mine),
                is_responded=any(one[4] for one in mine),
                cost=sum(price[one[2]] for one in mine),
            )
        )
    return people


def _effect(history: History, scope: str) -> dict[str, tuple[Any, ...]]:
    """By member (total or argument) the figures of kpi_segment_effect."""
    people = _people_of(history, scope)
    counted = [one for one in people if one.is_over and one.is_same_draw]
    control = [one for one in counted if one.is_held_out]
    arguments = {one.argument for one in counted if not one.is_held_out} - {"unknown"}
    effects: dict[str, tuple[Any, ...]] = {}
    for member in ("all",) if scope == "all" else ("total", *arguments):
        treated = [one for one in counted if not one.is_held_out and member in {"all", "total", one.argument}]
        if not treated:
            continue
        margin = sum(one.margin for one in treated)
        expected = margin - sum(one.margin for one in control) * len(treated) / max(len(control), 1)
        effects[member] = (
            len(treated),
            sum(one.is_converted for one in treated),
            len(control),
            sum(one.is_converted for one in control),
            sum(one.is_contacted for one in treated),
            sum(one.is_responded for one in treated),
            sum(one.is_contacted for one in control),
            pytest.approx(expected, abs=0.006) if control else None,
            pytest.approx(sum(one.cost for one in treated), abs=0.006),
            sum(not one.is_over for one in people),
            sum(one.is_over and not one.is_same_draw for one in people),
        )
    return effects


def test_the_effect_of_lists_is_what_plain_loops_count(bare: duckdb.DuckDBPyConnection) -> None:
    history = _history(np.random.default_rng(20251210))
    _store(bare, history)
    found: dict[str, dict[str, tuple[Any, ...]]] = {}
    for segment, member, *figures in bare.execute(
        """
        select
            segment, member, treated_count, treated_converted_count, holdout_count, holdout_converted_count,
            contacted_count, responded_count, holdout_contacted_count,
            cast(incremental_margin_amount as double), cast(cost_amount as double), open_count, other_draw_count
        from kpi.kpi_segment_effect
        """
    ).fetchall():
        found.setdefault(segment, {})[member] = tuple(figures)
    assert len([effect for effect in found.values() if effect.get("price") and effect["price"][2]]) > len(LISTS) / 2
    assert found == {scope: effect for scope in (*found, "all") if (effect := _effect(history, scope))}

"""Visits to the shops: strangers, holders of the club's card, people who come to look before they order on line."""

from __future__ import annotations

import numpy as np
import polars as pl

from dagster_project.simulation.baskets import ANONYMOUS
from dagster_project.simulation.company import Company
from dagster_project.simulation.draws import Bools, Floats, Ints, Random, chance, stream
from dagster_project.simulation.horizon import DAY, HOUR, MONTH_DAYS, NEVER, Horizon
from dagster_project.simulation.people import People

KINDS = ("stranger", "card_holder", "before_first_order", "subscriber", "firm", "till_order")
STRANGER, CARD_HOLDER, BEFORE_FIRST_ORDER, SUBSCRIBER, FIRM, TILL_ORDER = range(6)
NOBODY = -1
SUNDAY = 6
OPENS, OPEN_HOURS = 9 * HOUR, 8 * HOUR
COLUMNS = ("person", "visited_at", "kind", "is_known", "has_purchase", "order")


def make_visits(
    company: Company,
    horizon: Horizon,
    *,
    people: People,
    customers: pl.DataFrame,
    members: pl.DataFrame,
    orders: pl.DataFrame,
    seed: int,
) -> pl.DataFrame:
    """Draw all visits in order of time.

    Args:
        company: Parameters.
        horizon: Simulated time.
        people: Identities.
        customers: Everybody who buys (person, is_business, first_at, dropped_at).
        members: The customer club (person, joined_at, left_at).
        orders: All orders; nameless ones at the till belong to a visit.
        seed: Seed of the company.

    Returns:
        One row per visit: visit, person (whether known or not; -1 for strangers), visited_at, kind, is_known,
        has_purchase, order, store, minutes, product (-1: none), employee.
    """
    random = stream(seed, "stores")
    parts = [
        _strangers(company, horizon, random, count=round(people.customers * company.store.strangers_per_customer)),
        _card_holders(company, horizon, random, members=members),
        _before_first_order(company, random, customers=customers),
        _subscribers(company, random, people=people),
        _firms(company, horizon, random, customers=customers),
        _at_the_till(random, orders),
    ]
    frame = pl.concat([part.select(COLUMNS) for part in parts])
    frame = frame.filter(pl.col("visited_at").is_between(horizon.first_second, horizon.end_second - 1))
    frame = frame.sort("visited_at", "person", "kind", maintain_order=True)
    size = frame.height
    looks = chance(random, company.store.looks_at_product, size)
    return frame.with_columns(
        visit=pl.int_range(pl.len(), dtype=pl.Int64),
        store=random.integers(0, len(company.store.stores), size),
        minutes=3 + random.gamma(2.0, 8.0, size).astype(np.int64),
        product=np.where(looks, random.integers(0, len(company.products), size), -1),
        employee=random.integers(0, 1 << 30, size),
    )


def _frame(
    person: Ints, visited_at: Ints, kind: int, *, is_known: Bools | bool, has_purchase: Bools | bool
) -> pl.DataFrame:
    size = person.size
    return pl.DataFrame(
        {
            "person": person,
            "visited_at": visited_at,
            "kind": np.full(size, kind),
            "is_known": np.broadcast_to(is_known, size),
            "has_purchase": np.broadcast_to(has_purchase, size),
        }
    ).with_columns(order=pl.lit(None, pl.Int64))


def _shop_hours(at: Ints, uniform: Floats) -> Ints:
    """A time at which the shops are open on that day; on Sundays the day before."""
    day = at // DAY
    day = np.where((day + 3) % 7 == SUNDAY, day - 1, day)
    return day * DAY + OPENS + (uniform * OPEN_HOURS).astype(np.int64)


def _strangers(company: Company, horizon: Horizon, random: Random, *, count: int) -> pl.DataFrame:
    at = horizon.first_second + (random.random(count) * horizon.seconds).astype(np.int64)
    buys = chance(random, company.store.stranger_buys, count)
    visited = _shop_hours(at, random.random(count))
    return _frame(np.full(count, NOBODY), visited, STRANGER, is_known=False, has_purchase=buys)


def _card_holders(company: Company, horizon: Horizon, random: Random, *, members: pl.DataFrame) -> pl.DataFrame:
    """Members show their card as long as they have one."""
    since, law = members["joined_at"].to_numpy(), company.store
    span = np.maximum(np.minimum(members["left_at"].to_numpy(), horizon.end_second) - since, 0)
    row = np.repeat(np.arange(members.height), random.poisson(law.card_visits_per_month * span / (MONTH_DAYS * DAY)))
    visited = _shop_hours(since[row] + (span[row] * random.random(row.size)).astype(np.int64), random.random(row.size))
    buys = chance(random, law.card_holder_buys, row.size)
    frame = _frame(members["person"].to_numpy()[row], visited, CARD_HOLDER, is_known=True, has_purchase=buys)
    return frame.filter(pl.Series(visited > since[row]))


def _before_first_order(company: Company, random: Random, *, customers: pl.DataFrame) -> pl.DataFrame:
    """Some consumers look at the machines some days before their first order; most of them leave an address."""
    law = company.store
    persons = customers.filter(~pl.col("is_business"))
    chosen = persons.filter(pl.Series(chance(random, law.before_first_order, persons.height)))
    size, first = chosen.height, chosen["first_at"].to_numpy()
    at = first - (random.exponential(law.visit_days, size) * DAY).astype(np.int64)
    visited = _shop_hours(at, random.random(size))
    visited = np.where(visited < first - HOUR, visited, _shop_hours(at - DAY, random.random(size)))
    known = chance(random, law.leaves_address, size)
    return _frame(chosen["person"].to_numpy(), visited, BEFORE_FIRST_ORDER, is_known=known, has_purchase=False)


def _subscribers(company: Company, random: Random, *, people: People) -> pl.DataFrame:
    """Readers of the newsletter who come by, leave their address and never buy."""
    readers = people.frame.filter(pl.col("role") == 1)
    chosen = readers.filter(pl.Series(chance(random, company.store.subscriber_visits, readers.height)))
    at = chosen["born_at"].to_numpy() + (random.exponential(60.0, chosen.height) * DAY).astype(np.int64)
    visited = _shop_hours(at + DAY, random.random(chosen.height))
    return _frame(chosen["person"].to_numpy(), visited, SUBSCRIBER, is_known=True, has_purchase=False)


def _firms(company: Company, horizon: Horizon, random: Random, *, customers: pl.DataFrame) -> pl.DataFrame:
    """Companies see a machine in the show room; they are known by their customer number."""
    firms = customers.filter(pl.col("is_business"))
    since = firms["first_at"].to_numpy() + DAY
    span = np.maximum(np.minimum(firms["dropped_at"].to_numpy(), horizon.end_second) - since, 0)
    rate = company.store.firm_visits_per_year / (365.25 * DAY)
    row = np.repeat(np.arange(firms.height), random.poisson(rate * span))
    at = since[row] + (span[row] * random.random(row.size)).astype(np.int64)
    visited = _shop_hours(at + DAY, random.random(row.size))
    return _frame(firms["person"].to_numpy()[row], visited, FIRM, is_known=True, has_purchase=False)


def _at_the_till(random: Random, orders: pl.DataFrame) -> pl.DataFrame:
    """The only purchases whose order the shops know: those without a name."""
    nameless = orders.filter(pl.col("origin") == ANONYMOUS)
    visited = nameless["at"].to_numpy() - random.integers(300, 2_400, nameless.height)
    frame = _frame(np.full(nameless.height, NOBODY), visited, TILL_ORDER, is_known=False, has_purchase=True)
    return frame.with_columns(order=nameless["order"])


def first_known_visits(visits: pl.DataFrame, *, customers: pl.DataFrame) -> pl.DataFrame:
    """Who left an address before the first purchase, and whether a purchase followed: person, visited_at, first_at."""
    known = visits.filter("is_known").group_by("person", maintain_order=True).agg(pl.col("visited_at").min())
    joined = known.join(customers.select("person", "first_at"), on="person", how="left", maintain_order="left")
    return joined.filter(pl.col("visited_at") < pl.col("first_at").fill_null(NEVER))

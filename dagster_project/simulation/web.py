"""Visits to the web site, of people nobody knows yet too; some become known later by an order or an enquiry."""

from __future__ import annotations

import numpy as np
import polars as pl

from dagster_project.simulation.baskets import CANCELLED
from dagster_project.simulation.company import WebLaw
from dagster_project.simulation.draws import Bools, Ints, Random, chance, pick, stream
from dagster_project.simulation.horizon import DAY, HOUR, Horizon
from dagster_project.simulation.marketing import CLICK, Marketing
from dagster_project.simulation.people import People

CHANNELS = ("search", "direct", "email", "social", "referral")
SEARCH, DIRECT, EMAIL = range(3)
NOBODY = -1
COLUMNS = ("person", "started_at", "channel", "campaign", "is_known", "is_logged_in", "has_basket", "is_bot")


def make_sessions(
    law: WebLaw,
    horizon: Horizon,
    *,
    people: People,
    orders: pl.DataFrame,
    marketing: Marketing,
    leads: pl.DataFrame,
    products: int,
    seed: int,
) -> pl.DataFrame:
    """All sessions in order of their start.

    Args:
        law: Parameters.
        horizon: Simulated time.
        people: Identities.
        orders: All orders (person, at, origin, is_business).
        marketing: Clicks that lead to the site.
        leads: Leads with `web_visits` before them (person, created_at).
        products: Number of products that can be looked at.
        seed: Seed of the company.
    """
    random = stream(seed, "web")
    shop = orders.filter(~pl.col("is_business") & (pl.col("person") >= 0) & (pl.col("origin") != CANCELLED)).select(
        "person", "at"
    )
    parts = [
        _ordering(random, shop),
        _browsing(random, shop),
        _clicking(random, marketing.responses),
        *_enquiring(random, leads),
        _strangers(horizon, random, count=round(people.customers * law.strangers_per_customer)),
    ]
    frame = pl.concat([part.select(COLUMNS) for part in parts])
    frame = frame.filter(pl.col("started_at").is_between(horizon.first_second, horizon.end_second - 1))
    frame = frame.sort("started_at", "person", "channel", maintain_order=True)
    size = frame.height
    started = frame["started_at"].to_numpy()
    length = 20 + (random.gamma(1.5, 200, size)).astype(np.int64)
    midnight = (started // DAY + 1) * DAY - 1
    return frame.with_columns(
        session=pl.int_range(pl.len(), dtype=pl.Int64),
        second_device=chance(random, 0.15, size) & ~frame["is_known"].to_numpy() & (frame["person"].to_numpy() >= 0),
        ended_at=np.minimum(started + length, midnight),
        page_views=random.geometric(0.25, size),
        product=np.where(chance(random, 0.7, size), random.integers(0, products, size), -1),
    )


def _frame(person: Ints, started_at: Ints, **columns: Ints | Bools | int | bool) -> pl.DataFrame:
    defaults: dict[str, Ints | Bools | int | bool | None] = {
        "channel": SEARCH,
        "campaign": None,
        "is_known": False,
        "is_logged_in": False,
        "has_basket": False,
        "is_bot": False,
    }
    values = defaults | columns
    types = {"channel": pl.Int64, "campaign": pl.Int64}
    return pl.DataFrame({"person": person, "started_at": started_at}).with_columns(
        **{
            name: pl.Series(value) if isinstance(value, np.ndarray) else pl.lit(value, types.get(name, pl.Boolean))
            for name, value in values.items()
        }
    )


def _ordering(random: Random, shop: pl.DataFrame) -> pl.DataFrame:
    """The session an order was placed in: the visitor gives an address and is logged in."""
    at = shop["at"].to_numpy()
    return _frame(
        shop["person"].to_numpy(),
        at - random.integers(200, 2_400, at.size),
        is_known=True,
        is_logged_in=True,
        has_basket=True,
        channel=pick(random, (0.35, 0.35, 0.1, 0.1, 0.1), at.size),
    )


def _browsing(random: Random, shop: pl.DataFrame) -> pl.DataFrame:
    """Visits in the days before an order, mostly without logging in."""
    count = random.poisson(1.3, shop.height)
    row = np.repeat(np.arange(shop.height), count)
    at = shop["at"].to_numpy()[row] - 2 * HOUR - (random.exponential(8.0, row.size) * DAY).astype(np.int64)
    return _frame(
        shop["person"].to_numpy()[row],
        at,
        has_basket=chance(random, 0.15, row.size),
        channel=pick(random, (0.4, 0.25, 0.1, 0.15, 0.1), row.size),
    )


def _clicking(random: Random, responses: pl.DataFrame) -> pl.DataFrame:
    clicks = responses.filter(pl.col("kind") == CLICK)
    frame = _frame(
        clicks["person"].to_numpy(),
        clicks["at"].to_numpy() + random.integers(2, 9, clicks.height),
        channel=EMAIL,
        is_bot=clicks["is_bot"].to_numpy(),
        has_basket=chance(random, 0.1, clicks.height) & ~clicks["is_bot"].to_numpy(),
    )
    return frame.with_columns(campaign=clicks["campaign"])


def _enquiring(random: Random, leads: pl.DataFrame) -> list[pl.DataFrame]:
    """Leads of the web form: the session of the enquiry carries the address, earlier visits do not."""
    form = leads.filter("from_web")
    person, at = form["person"].to_numpy(), form["created_at"].to_numpy()
    earlier = form["visited_at"].to_numpy()
    return [
        _frame(person, at - random.integers(60, 600, at.size), is_known=True),
        _frame(person, earlier, channel=pick(random, (0.5, 0.1, 0.1, 0.1, 0.2), at.size)),
    ]


def _strangers(horizon: Horizon, random: Random, *, count: int) -> pl.DataFrame:
    """Visitors who never become known; a few are machines. Their person is a negative number of their own."""
    visits = 1 + random.poisson(0.5, count)
    row = np.repeat(np.arange(count), visits)
    first = horizon.first_second + (random.random(count) * horizon.seconds).astype(np.int64)
    wait = np.where(np.r_[True, row[1:] != row[:-1]], 0, random.exponential(9.0, row.size) * DAY).astype(np.int64)
    return _frame(
        -2 - row,
        first[row] + wait,
        has_basket=chance(random, 0.05, row.size),
        is_bot=chance(random, 0.04, count)[row],
        channel=pick(random, (0.5, 0.2, 0.0, 0.2, 0.1), row.size),
    )

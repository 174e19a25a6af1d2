"""What lies in each order: products, prices, affinities, sequences, returns; not when people order."""

from __future__ import annotations

import numpy as np
import polars as pl

from dagster_project.simulation.company import Company
from dagster_project.simulation.draws import Bools, Floats, Ints, Random, chance, pick, rank_within, stream
from dagster_project.simulation.horizon import DAY, Horizon, next_office_time, office_hours

ORIGINS = ("process", "opportunity", "campaign", "sequence", "loyalty", "cancelled", "anonymous", "test")
PROCESS, OPPORTUNITY, CAMPAIGN, SEQUENCE, LOYALTY, CANCELLED, ANONYMOUS, TEST = range(8)
NOBODY = -1
ORDER_COLUMNS = (
    "person",
    "segment",
    "is_business",
    "at",
    "number",
    "origin",
    "spend_rate",
    "deal_cents",
    "opportunity",
    "campaign",
)


class Baskets:
    """Fills orders with lines; one instance per company and random stream."""

    def __init__(self, company: Company, horizon: Horizon, random: Random) -> None:
        """Look up prices and product groups once."""
        self.company, self.horizon, self.random, self.law = company, horizon, random, company.basket
        self.price: Ints = np.array([product.price for product in company.products], dtype=np.int64)
        self.groups = {
            name: np.array(company.product_indices(name), dtype=np.int64)
            for name in {product.category for product in company.products}
        }

    def lines(self, orders: pl.DataFrame) -> pl.DataFrame:
        """One row per line: `order` (row number), line, product, quantity, unit, cost, discount and net in cents."""
        count = orders.height
        business, origin = orders["is_business"].to_numpy(), orders["origin"].to_numpy()
        first = (orders["number"].to_numpy() == 0) & ~business
        machine = (first & chance(self.random, self.law.machine_in_first_order, count)) | (origin == OPPORTUNITY)
        deals = np.where(business, orders["deal_cents"].to_numpy(), 0)
        parts = [self._machines(np.flatnonzero(machine), business=business, deals=deals, at=orders["at"].to_numpy())]
        home = np.flatnonzero(machine & ~business)
        parts += [
            self._single(home, "BW-G010", self.law.grinder_with_machine),
            self._single(home, "BW-A001", self.law.frother_with_machine),
            *self._care(np.arange(count), forced=origin == SEQUENCE),
            self._single(np.arange(count), "BW-A002", self.law.cups),
            self._single(np.arange(count), "BW-C003", self.law.filters),
        ]
        parts += self._beans(orders, business=business)
        lines = pl.concat(
            [
                pl.DataFrame(part, schema={"order": pl.Int64, "product": pl.Int64, "quantity": pl.Int64})
                for part in parts
            ]
        )
        lines = lines.unique(["order", "product"], keep="first", maintain_order=True).sort("order", maintain_order=True)
        return self._priced(orders, lines)

    def _machines(self, rows: Ints, *, business: Bools, deals: Ints, at: Ints) -> dict[str, Ints]:
        home, office = self.groups["machine_home"], self.groups["machine_office"]
        drawn = home[pick(self.random, (0.25, 0.4, 0.25, 0.1)[: home.size], rows.size)]
        newest = self.company.product_index("BW-M310")
        launched = at[rows] >= self.horizon.share(self.company.products[newest].launched_share)
        drawn = np.where((drawn == newest) & ~launched, home[2], drawn)
        faulty = np.full(rows.size, self.company.product_index(self.company.faulty_product))
        on_offer = is_faulty(self.company, self.horizon, product=faulty, at=at[rows])
        drawn = np.where(on_offer & chance(self.random, self.law.offered_share, rows.size), faulty, drawn)
        deal = deals[rows]
        fitting = office[np.searchsorted(np.array([500_000, 1_500_000]), deal)]
        product = np.where(business[rows], fitting, drawn)
        quantity = np.where(business[rows], np.maximum(np.round(deal / self.price[product]), 1), 1).astype(np.int64)
        return {"order": rows, "product": product, "quantity": quantity}

    def _single(self, rows: Ints, product_id: str, share: float) -> dict[str, Ints]:
        chosen = rows[chance(self.random, share, rows.size)]
        return _one_each(chosen, self.company.product_index(product_id))

    def _care(self, rows: Ints, *, forced: Bools) -> list[dict[str, Ints]]:
        """Descaler, forced when a sequence asks for it, and cleaning tablets that often go with it."""
        descaler = chance(self.random, self.law.descaler, rows.size) | forced
        tablets = descaler & chance(self.random, self.law.tablets_with_descaler, rows.size)
        alone = ~descaler & chance(self.random, 0.04, rows.size)
        return [
            _one_each(rows[descaler], self.company.product_index("BW-C001")),
            _one_each(rows[tablets | alone], self.company.product_index("BW-C002")),
        ]

    def _beans(self, orders: pl.DataFrame, *, business: Bools) -> list[dict[str, Ints]]:
        """The main line whose quantity carries the order's value, and sometimes a second kind."""
        count = orders.height
        value_law = np.array(self.company.segment_values("spend_p"))[orders["segment"].to_numpy()]
        value: Floats = self.random.gamma(value_law, 1.0 / np.maximum(orders["spend_rate"].to_numpy(), 1e-3)) * 100
        home, office = self.groups["beans"], self.groups["beans_office"]
        favourite = home[(orders["person"].to_numpy() * 7919) % (home.size - 1)]
        other = home[self.random.integers(0, home.size, count)]
        discontinued = self.company.product_index("BW-B008")
        late = orders["at"].to_numpy() > self.horizon.share(
            self.company.products[discontinued].discontinued_share or 1.0
        )
        other = np.where(late & (other == discontinued), home[0], other)
        main = np.where(chance(self.random, self.law.favourite_bean, count), favourite, other)
        main = np.where(business, office[self.random.integers(0, office.size, count)], main)
        quantity = np.maximum(np.round(value / self.price[main]), 1).astype(np.int64)
        second = np.flatnonzero(chance(self.random, self.law.second_bean, count) & ~business)
        return [
            {"order": np.arange(count), "product": main, "quantity": quantity},
            {"order": second, "product": other[second], "quantity": np.ones(second.size, dtype=np.int64)},
        ]

    def _priced(self, orders: pl.DataFrame, lines: pl.DataFrame) -> pl.DataFrame:
        order, product, quantity = (lines[name].to_numpy() for name in ("order", "product", "quantity"))
        risen = orders["at"].to_numpy()[order] >= self.horizon.share(self.company.price_rise_share)
        unit = price_at(self.company, self.price[product], risen)
        rebate = np.where(chance(self.random, self.law.discount_share, orders.height), 5, 0)
        rebate = np.where(orders["origin"].to_numpy() == CAMPAIGN, 10, rebate)
        discount = unit * quantity * rebate[order] // 100
        cost = np.array([product.cost or 0 for product in self.company.products], dtype=np.int64)[product]
        return lines.with_columns(
            line=rank_within(order) + 1,
            unit_cents=unit,
            cost_cents=price_at(self.company, cost, risen),
            discount_cents=discount,
            net_cents=unit * quantity - discount,
        )


def price_at(company: Company, cents: Ints, risen: Bools) -> Ints:
    """Price or cost before or after the one price rise."""
    return np.where(risen, np.round(cents * company.basket.price_rise), cents).astype(np.int64)


def _one_each(rows: Ints, product: int) -> dict[str, Ints]:
    return {"order": rows, "product": np.full(rows.size, product), "quantity": np.ones(rows.size, dtype=np.int64)}


def sequence_orders(
    company: Company, horizon: Horizon, *, orders: pl.DataFrame, lines: pl.DataFrame, seed: int
) -> pl.DataFrame:
    """Who owns machine and grinder orders the care set about three months later, with a known chance."""
    random = stream(seed, "sequences")
    machines, grinder = company.product_indices("machine_home"), company.product_index("BW-G010")
    bought = (
        lines.filter(pl.col("product").is_in([*machines, grinder]))
        .select("order", is_grinder=pl.col("product") == grinder)
        .join(
            orders.with_row_index("order").select(pl.col("order").cast(pl.Int64), *ORDER_COLUMNS),
            on="order",
            how="left",
            maintain_order="left",
        )
    )
    bought = bought.filter((pl.col("person") >= 0) & ~pl.col("is_business") & (pl.col("origin") <= SEQUENCE))
    owners = (
        bought.group_by("person", maintain_order=True)
        .agg(
            grinder_at=pl.col("at").filter("is_grinder").min(),
            machine_at=pl.col("at").filter(~pl.col("is_grinder")).min(),
            segment=pl.col("segment").first(),
            spend_rate=pl.col("spend_rate").first(),
        )
        .drop_nulls(["grinder_at", "machine_at"])
        .with_columns(owned_at=pl.max_horizontal("grinder_at", "machine_at"))
        .sort("person")
    )
    low, high = company.basket.sequence_days
    follows = chance(random, company.basket.sequence_confidence, owners.height)
    wait = ((low + (high - low) * random.random(owners.height)) * DAY).astype(np.int64)
    owners = owners.with_columns(at=owners["owned_at"].to_numpy() + wait, follows=follows)
    return owners.filter(pl.col("owned_at") < horizon.end_second)


def side_orders(company: Company, horizon: Horizon, *, orders: pl.DataFrame, seed: int) -> pl.DataFrame:
    """Orders that are no purchases of a known customer: cancelled at once, nameless at the till, tests."""
    random = stream(seed, "side_orders")
    repeat = orders.filter(~pl.col("is_business") & (pl.col("number") > 0) & (pl.col("origin") == PROCESS))
    cancelled = repeat.filter(pl.Series(chance(random, company.basket.cancelled_share, repeat.height))).with_columns(
        at=pl.col("at") - 1_200, origin=pl.lit(CANCELLED, pl.Int64), number=pl.lit(9, pl.Int64)
    )
    count = round(repeat.height * company.basket.anonymous_share)
    tests = 3
    at = horizon.first_second + (random.random(count + tests) * horizon.seconds).astype(np.int64)
    nameless = pl.DataFrame(
        {
            "person": np.full(count + tests, NOBODY),
            "segment": np.zeros(count + tests, dtype=np.int64),
            "is_business": np.zeros(count + tests, dtype=bool),
            "at": office_hours(at),
            "number": np.full(count + tests, 9),
            "origin": np.r_[np.full(count, ANONYMOUS), np.full(tests, TEST)],
            "spend_rate": np.full(count + tests, 0.2),
        },
    ).with_columns(deal_cents=pl.lit(0, pl.Int64), opportunity=pl.lit(None, pl.Int64), campaign=pl.lit(None, pl.Int64))
    return pl.concat([cancelled.select(ORDER_COLUMNS), nameless.select(ORDER_COLUMNS)])


def make_returns(
    company: Company, horizon: Horizon, *, orders: pl.DataFrame, lines: pl.DataFrame, seed: int
) -> pl.DataFrame:
    """Returned lines: all of the line or half of it, booked some days after the order."""
    random = stream(seed, "returns")
    joined = lines.join(
        orders.select("order", "at", "origin", "is_business"), on="order", how="left", maintain_order="left"
    )
    machine = np.isin(joined["product"].to_numpy(), company.product_indices("machine_home"))
    faulty = is_faulty(company, horizon, product=joined["product"].to_numpy(), at=joined["at"].to_numpy())
    law = company.basket
    share = np.where(faulty, law.faulty_returned, np.where(machine, law.machine_returned, law.returned))
    usual = ~np.isin(joined["origin"].to_numpy(), [CANCELLED, TEST])
    chosen = joined.with_columns(is_faulty=faulty).filter(pl.Series(chance(random, share, joined.height) & usual))
    quantity = chosen["quantity"].to_numpy()
    part = np.where(chance(random, 0.3, chosen.height), np.maximum(quantity // 2, 1), quantity)
    at = next_office_time(chosen["at"].to_numpy() + random.integers(4, 26, chosen.height) * DAY)
    returns = chosen.select("order", "line", "product", "is_business").with_columns(
        quantity=part,
        refund_cents=chosen["net_cents"].to_numpy() * part // quantity,
        returned_at=at,
        reason=np.where(chosen["is_faulty"].to_numpy(), 1, random.integers(0, 4, chosen.height)),
    )
    return (
        returns.filter(pl.col("returned_at") < horizon.end_second)
        .sort("returned_at", "order", "line", maintain_order=True)
        .with_columns(return_number=pl.int_range(pl.len(), dtype=pl.Int64))
    )


def is_faulty(company: Company, horizon: Horizon, *, product: Ints, at: Ints) -> Bools:
    """Lines of the production batch that went wrong."""
    begin, end = (horizon.share(share) for share in company.faulty_window)
    return np.asarray(
        (product == company.product_index(company.faulty_product)) & (at >= begin) & (at < end), dtype=np.bool_
    )

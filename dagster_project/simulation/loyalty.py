"""The customer club: who joins, the orders it causes, points earned, redeemed, expired; not how its files look."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import polars as pl

from dagster_project.simulation.baskets import CANCELLED
from dagster_project.simulation.company import Company, LoyaltyLaw
from dagster_project.simulation.draws import Floats, Ints, chance, rank_within, stream
from dagster_project.simulation.horizon import DAY, MONTH_DAYS, NEVER, Horizon

KINDS = ("join", "earn", "redeem", "expire", "adjust", "leave")
JOIN, EARN, REDEEM, EXPIRE, ADJUST, LEAVE = range(6)
TIERS = ("basic", "silver", "gold")
YEAR = 365.25 * DAY


@dataclass(frozen=True)
class Loyalty:
    """Members (since when, until when), and all movements on their accounts."""

    members: pl.DataFrame
    transactions: pl.DataFrame


def make_members(company: Company, horizon: Horizon, *, customers: pl.DataFrame, seed: int) -> pl.DataFrame:
    """Some consumers join with or after their first order, whatever they do otherwise; a few leave again.

    Returns:
        One row per member: member, person, segment, spend_rate, joined_at, left_at, active_until (the second up to
        which the club can move it).
    """
    random, law = stream(seed, "loyalty/members"), company.loyalty
    persons = customers.filter(~pl.col("is_business"))
    size, first = persons.height, persons["first_at"].to_numpy()
    joins = chance(random, law.joins, size)
    wait = np.where(
        chance(random, law.joins_at_once, size), 30, DAY + random.exponential(law.joining_days, size) * DAY
    ).astype(np.int64)
    joined = first + wait
    left = joined + DAY + (random.exponential(1.0 / law.leaves_per_year, size) * YEAR).astype(np.int64)
    ends = np.minimum(np.minimum(left, persons["dropped_at"].to_numpy()), horizon.end_second)
    members = persons.select("person", "segment", "spend_rate", "dropped_at").with_columns(
        joined_at=joined,
        left_at=np.where(left < horizon.end_second, left, NEVER),
        active_until=np.maximum(ends, joined),
    )
    members = members.filter(pl.Series(joins) & (pl.col("joined_at") < horizon.end_second))
    return members.sort("joined_at", "person").with_columns(member=pl.int_range(pl.len(), dtype=pl.Int64))


def extra_orders(company: Company, *, members: pl.DataFrame, seed: int) -> pl.DataFrame:
    """Purchases that the club causes: person, segment, spend_rate, at."""
    random = stream(seed, "loyalty/orders")
    since = members["joined_at"].to_numpy()
    span = members["active_until"].to_numpy() - since
    count = random.poisson(company.loyalty.extra_orders_per_month * span / (MONTH_DAYS * DAY))
    row = np.repeat(np.arange(members.height), count)
    at = since[row] + 1 + ((span[row] - 2) * random.random(row.size)).astype(np.int64)
    return members[row].select("person", "segment", "spend_rate").with_columns(at=pl.Series(at, dtype=pl.Int64))


def make_transactions(
    company: Company, horizon: Horizon, *, members: pl.DataFrame, orders: pl.DataFrame, returns: pl.DataFrame, seed: int
) -> pl.DataFrame:
    """All movements in order of time: joining, a point per euro, rewards, expiry, points taken back, leaving.

    Returns:
        One row per movement: transaction, member, person, kind, at, points, reward_cents, balance, tier, order,
        campaign, expires_day.
    """
    law = company.loyalty
    events = _events(members, orders=orders, returns=returns)
    ledger = _Accounts(
        law, horizon, members=members, uniform=stream(seed, "loyalty/rewards").random((events.height, 2))
    )
    for rows in _by_rank(events):
        ledger.book(rows)
    ledger.close()
    nothing = pl.lit(None, pl.Int64)
    joined = members.select(
        "member",
        kind=pl.lit(JOIN, pl.Int64),
        at="joined_at",
        points=pl.lit(0, pl.Int64),
        order=nothing,
        campaign=nothing,
    )
    moves = pl.concat([joined, ledger.movements()], how="diagonal").filter(pl.col("at") < horizon.end_second)
    moves = moves.sort("at", "member", "kind", "order", maintain_order=True)
    earned = pl.when(pl.col("kind") == EARN).then("points").otherwise(0)
    level = earned.cum_sum().over("member")
    return moves.with_columns(
        transaction=pl.int_range(pl.len(), dtype=pl.Int64),
        balance=pl.col("points").cum_sum().over("member"),
        tier=pl.when(level >= law.gold_points).then(2).when(level >= law.silver_points).then(1).otherwise(0),
        reward_cents=pl.when(pl.col("kind") == REDEEM).then(-pl.col("points") * law.reward_cents_per_100_points // 100),
        expires_day=pl.when(pl.col("kind") == EARN).then(pl.col("at") // DAY + law.expiry_days),
    ).join(members.select("member", "person", "joined_at"), on="member", how="left", maintain_order="left")


def _events(members: pl.DataFrame, *, orders: pl.DataFrame, returns: pl.DataFrame) -> pl.DataFrame:
    """What an account hears of: orders of its member since joining, and what came back of them."""
    shop = orders.filter(~pl.col("is_business") & (pl.col("person") >= 0) & (pl.col("origin") < CANCELLED))
    bought = shop.join(members.select("person", "member", "joined_at", "left_at"), on="person", how="inner")
    bought = bought.filter((pl.col("at") > pl.col("joined_at")) & (pl.col("at") < pl.col("left_at")))
    columns = ["member", "at", "points", "order", "campaign", "left_at", "is_return"]
    earned = bought.with_columns(points=pl.col("net_cents") // 100, is_return=pl.lit(value=False)).select(columns)
    back = returns.filter(~pl.col("is_business")).group_by("order", "returned_at").agg(pl.col("refund_cents").sum())
    taken = (
        bought.drop("at")
        .join(back, on="order", how="inner")
        .with_columns(points=pl.col("refund_cents") // 100, is_return=pl.lit(value=True), at="returned_at")
    )
    events = pl.concat([earned, taken.filter(pl.col("at") < pl.col("left_at")).select(columns)])
    events = events.filter(pl.col("points") > 0).sort("member", "at", "order", "is_return")
    following = pl.col("at").shift(-1).over("member")
    return events.with_columns(
        event=pl.int_range(pl.len(), dtype=pl.Int64),
        rank=pl.Series(rank_within(events["member"].to_numpy()), dtype=pl.Int64),
        next_at=pl.min_horizontal(following.fill_null(NEVER), "left_at"),
    )


def _by_rank(events: pl.DataFrame) -> list[pl.DataFrame]:
    """The first event of every account, then the second, and so on."""
    return events.sort("rank", "member").partition_by("rank", maintain_order=True)


class _Accounts:
    """Balances of all members, moved one event of each at a time."""

    def __init__(self, law: LoyaltyLaw, horizon: Horizon, *, members: pl.DataFrame, uniform: Floats) -> None:
        self.law, self.end, self.uniform = law, horizon.end_second, uniform
        self.left_at = members["left_at"].to_numpy()
        self.balance: Ints = np.zeros(members.height, dtype=np.int64)
        self.expires_at: Ints = np.full(members.height, NEVER, dtype=np.int64)
        self._moves: list[pl.DataFrame] = []

    def book(self, rows: pl.DataFrame) -> None:
        """One event of each of some members: first what has expired, then the event, then perhaps a reward."""
        member, at = rows["member"].to_numpy(), rows["at"].to_numpy()
        self._expire(member[self.expires_at[member] <= at])
        points, is_return = rows["points"].to_numpy(), rows["is_return"].to_numpy()
        change = np.where(is_return, -np.minimum(points, self.balance[member]), points)
        self.balance[member] += change
        self.expires_at[member] = np.where(is_return, self.expires_at[member], at + self.law.expiry_days * DAY)
        moved = rows.select("member", "at", "order", "campaign").with_columns(
            kind=np.where(is_return, ADJUST, EARN), points=change
        )
        self._moves.append(moved.filter(pl.col("points") != 0))
        self._reward(rows.filter(pl.Series(~is_return)))

    def _reward(self, rows: pl.DataFrame) -> None:
        member, at, event = (rows[name].to_numpy() for name in ("member", "at", "event"))
        taken = self.balance[member] // self.law.points_per_step * self.law.points_per_step
        latest = np.minimum(rows["next_at"].to_numpy() - 1, self.end - 1)
        redeemed_at = np.minimum(at + 600 + (self.uniform[event, 1] * 10 * DAY).astype(np.int64), latest)
        chosen = (taken > 0) & (self.uniform[event, 0] < self.law.redeems) & (redeemed_at > at)
        self.balance[member[chosen]] -= taken[chosen]
        self._add(REDEEM, member[chosen], at=redeemed_at[chosen], points=-taken[chosen])

    def _expire(self, member: Ints) -> None:
        member = member[self.balance[member] > 0]
        self._add(EXPIRE, member, at=self.expires_at[member], points=-self.balance[member])
        self.balance[member] = 0

    def close(self) -> None:
        """What expires after the last event, and whoever leaves."""
        everybody: Ints = np.arange(self.balance.size)
        self._expire(everybody[self.expires_at < np.minimum(self.left_at, self.end)])
        gone = everybody[self.left_at < NEVER]
        lost = gone[self.balance[gone] > 0]
        self._add(EXPIRE, lost, at=self.left_at[lost] - 1, points=-self.balance[lost])
        self._add(LEAVE, gone, at=self.left_at[gone], points=np.zeros(gone.size, dtype=np.int64))

    def _add(self, kind: int, member: Ints, *, at: Ints, points: Ints) -> None:
        frame = pl.DataFrame({"member": member, "at": at, "points": points})
        self._moves.append(frame.with_columns(kind=pl.lit(kind, pl.Int64)))

    def movements(self) -> pl.DataFrame:
        """Everything booked."""
        return pl.concat(self._moves, how="diagonal")

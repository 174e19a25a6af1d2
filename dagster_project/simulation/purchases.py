"""When customers buy and when they drop out (MBG/NBD); what lies in the basket is not decided here."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import polars as pl

from dagster_project.simulation.company import Company
from dagster_project.simulation.draws import Bools, Floats, Ints, rank_within, stream
from dagster_project.simulation.horizon import DAY, HOUR, MONTH_DAYS, NEVER, Horizon, office_hours


@dataclass(frozen=True)
class Purchases:
    """`orders`: one row per purchase (person, at, number); `customers`: the law each customer follows."""

    orders: pl.DataFrame
    customers: pl.DataFrame


def make_purchases(company: Company, horizon: Horizon, *, buyers: pl.DataFrame, seed: int) -> Purchases:
    """Draw the purchases of all `buyers` (person, segment, is_business, first_at) until the end of the horizon."""
    random = stream(seed, "purchases")
    segment, first = buyers["segment"].to_numpy(), buyers["first_at"].to_numpy()
    size = buyers.height

    def law(attribute: str) -> Floats:
        values: Floats = np.array(company.segment_values(attribute), dtype=np.float64)[segment]
        return values

    rate = random.gamma(law("purchase_shape"), 1.0 / law("purchase_scale_months"))
    dropout = random.beta(law("dropout_a"), law("dropout_b"))
    repeats_until_dropout = random.geometric(np.maximum(dropout, 1e-9)) - 1
    span = np.maximum(horizon.end_second - first, 0)
    possible = random.poisson(rate * span / (MONTH_DAYS * DAY))
    row, at, number = _repeat_times(random.random(int(possible.sum())), possible=possible, first=first, span=span)
    by_phone = np.maximum(office_hours(at), first[row] + number * HOUR)
    at = np.where(buyers["is_business"].to_numpy()[row], by_phone, at)
    kept: Bools = number <= repeats_until_dropout[row]
    orders = pl.DataFrame(
        {
            "person": np.concatenate([buyers["person"].to_numpy(), buyers["person"].to_numpy()[row[kept]]]),
            "at": np.concatenate([first, at[kept]]),
            "number": np.concatenate([np.zeros(size, dtype=np.int64), number[kept]]),
        }
    ).sort("person", "number")
    dropped = repeats_until_dropout <= possible
    last = orders.group_by("person", maintain_order=True).agg(last_at=pl.col("at").max())
    customers = buyers.with_columns(
        rate_per_month=rate,
        dropout_probability=dropout,
        spend_rate=random.gamma(law("spend_q"), 1.0 / law("spend_gamma")),
        is_alive_at_end=~dropped,
    ).join(last, on="person", how="left", maintain_order="left")
    return Purchases(
        orders, customers.with_columns(dropped_at=pl.when("is_alive_at_end").then(NEVER).otherwise("last_at"))
    )


def _repeat_times(uniform: Floats, *, possible: Ints, first: Ints, span: Ints) -> tuple[Ints, Ints, Ints]:
    """Sorted times of a Poisson process per customer, given their count: row of the customer, time, number from 1."""
    row = np.repeat(np.arange(possible.size), possible)
    order = np.lexsort((uniform, row))
    at = first[row] + 1 + (uniform[order] * (span[row] - 2)).astype(np.int64)
    return row, at, rank_within(row) + 1

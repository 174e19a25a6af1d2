"""Buyers drawn by MBG/NBD and Gamma-Gamma, and the frames that the customer value family reads of them."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any

import numpy as np
import polars as pl

from dagster_project.prediction import Cutoff, Fit, FitBook, Inputs

AS_OF = date(2025, 12, 31)
CUTOFFS = {
    "today": Cutoff(AS_OF, AS_OF),
    "fit": Cutoff(date(2025, 12, 28), date(2025, 12, 28)),
    "holdout": Cutoff(date(2025, 6, 28), date(2025, 12, 28)),
}
PARAMETERS = {
    "clv_min_customers": 100,
    "clv_min_contracts": 30,
    "clv_model": "mbg_nbd",
    "clv_horizon_months": 12,
    "annual_discount_rate": 0.1,
    "prediction_holdout_months": 6,
}
_NO_CONTRACTS: dict[str, pl.DataType] = {
    "purpose": pl.String(),
    "customer_key": pl.String(),
    "renewal_count": pl.Int64(),
    "is_lost": pl.Boolean(),
    "monthly_margin_amount": pl.Decimal(18, 2),
}


@dataclass(frozen=True)
class Buyers:
    """`purchases`: one row per customer, day and margin; `segments`: one row per customer."""

    purchases: pl.DataFrame
    segments: pl.DataFrame


def draw(count: int, *, segment: str = "consumer", seed: int = 1, days: int = 900) -> Buyers:
    """Customers who came within `days` before AS_OF."""
    random = np.random.default_rng(seed)
    first = random.integers(1, days, count)
    rate = random.gamma(1.8, 1 / 90.0, count)
    lasting = random.geometric(random.beta(0.8, 4.0, count))
    value_rate = random.gamma(6.0, 1 / 100.0, count)
    rows = []
    for customer in range(count):
        gaps = random.exponential(1 / rate[customer], lasting[customer])
        at = np.unique(np.floor(np.concatenate([[0.0], np.cumsum(gaps)[: lasting[customer] - 1]])).astype(int))
        at = at[at <= first[customer]]
        margin = random.gamma(6.0, 1 / value_rate[customer], at.size).round(2)
        rows += [
            (f"{segment}{customer:05}", AS_OF - timedelta(days=int(first[customer] - day)), float(amount))
            for day, amount in zip(at, margin, strict=True)
        ]
    purchases = pl.DataFrame(rows, schema=["customer_key", "day", "margin"], orient="row")
    return Buyers(purchases, purchases.select("customer_key").unique().with_columns(customer_segment=pl.lit(segment)))


def inputs_of(
    buyers: Buyers,
    *,
    contracts: pl.DataFrame | None = None,
    kept: Iterable[Fit] = (),
    baseline: str = "average",
    **parameters: Any,
) -> Inputs:
    """What the family is given; `baseline` is `average` (of months so far) or `prophet` (knows what comes)."""
    histories = pl.concat([_histories(buyers, purpose) for purpose in CUTOFFS])
    contracts = pl.DataFrame(schema=_NO_CONTRACTS) if contracts is None else contracts.cast(pl.Schema(_NO_CONTRACTS))
    return Inputs(
        as_of=AS_OF,
        parameters=PARAMETERS | parameters,
        cutoffs=CUTOFFS,
        frames={
            "histories": histories,
            "contracts": contracts,
            "baselines": _baselines(buyers, contracts, baseline=baseline),
        },
        fits=FitBook(as_of=AS_OF, kept=kept),
    )


def _histories(buyers: Buyers, purpose: str) -> pl.DataFrame:
    through, until = CUTOFFS[purpose].through, CUTOFFS[purpose].until
    day, first = pl.col("day"), pl.col("day").min().over("customer_key")
    known, repeat = pl.col("day") <= through, pl.col("is_repeat")
    margin, amount = pl.col("margin"), pl.Decimal(18, 2)
    valued = known & repeat & (margin > 0)
    return (
        buyers.purchases.with_columns(is_repeat=day > first)
        .filter(day <= until)
        .sort("customer_key", "day")
        .group_by("customer_key", maintain_order=True)
        .agg(
            day.min().alias("first"),
            day.filter(known).max().alias("last"),
            (known & repeat).sum().cast(pl.Int64).alias("repeat_purchase_days"),
            valued.fill_null(False).sum().cast(pl.Int64).alias("valued_purchase_days"),
            margin.filter(valued).mean().cast(amount).alias("mean_purchase_margin_amount"),
            margin.filter(known & (margin > 0)).sum().cast(amount).alias("positive_margin_amount"),
            margin.filter(known).sum().cast(amount).alias("net_margin_amount"),
            (~known).sum().cast(pl.Int64).alias("later_purchase_days"),
        )
        .filter(pl.col("first") <= through)
        .join(buyers.segments, on="customer_key")
        .with_columns(
            recency_days=(pl.col("last") - pl.col("first")).dt.total_days(),
            age_days=(pl.lit(through) - pl.col("first")).dt.total_days(),
            purpose=pl.lit(purpose),
        )
        .drop("first", "last")
        .sort("customer_key")
    )


def _baselines(buyers: Buyers, contracts: pl.DataFrame, *, baseline: str) -> pl.DataFrame:
    parts = []
    for purpose in ("today", "holdout"):
        through, until = CUTOFFS[purpose].through, CUTOFFS[purpose].until
        bought = (
            buyers.purchases.sort("customer_key", "day")
            .group_by("customer_key", maintain_order=True)
            .agg(
                first=pl.col("day").min(),
                so_far=pl.col("margin").filter(pl.col("day") <= through).sum(),
                later=pl.col("margin").filter((pl.col("day") > through) & (pl.col("day") <= until)).sum(),
            )
        )
        known = bought.filter(pl.col("first") <= through).join(buyers.segments, on="customer_key")
        months = (pl.lit(through) - pl.col("first")).dt.total_days() / 30.4 + 1.0
        average = pl.col("so_far") / months * (12 if purpose == "today" else 6)
        contracted = contracts.filter(pl.col("purpose") == purpose).select("customer_key").unique()
        only = contracted.join(known, on="customer_key", how="anti").with_columns(
            later=pl.lit(0.0), predicted=pl.lit(1.0), customer_segment=pl.lit("consumer")
        )
        predicted = pl.col("later") if baseline == "prophet" else average
        columns = ["customer_key", "customer_segment", "predicted", "later"]
        both = pl.concat([known.with_columns(predicted=predicted).select(columns), only.select(columns)])
        parts.append(both.with_columns(purpose=pl.lit(purpose)).sort("customer_key"))
    return pl.concat(parts).select(
        "purpose",
        "customer_key",
        "customer_segment",
        pl.col("predicted").cast(pl.Decimal(18, 2)).alias("predicted_amount"),
        pl.col("later").cast(pl.Decimal(18, 2)).alias("later_contribution_amount"),
    )

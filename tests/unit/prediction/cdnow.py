"""The CDNOW purchases of Fader and Hardie, where they are beside this checkout, and what the models see of them."""

from __future__ import annotations

from datetime import date

import numpy as np
import polars as pl
import pytest

from dagster_project.prediction.value.optimum import FloatArray, IntArray
from dagster_project.prediction.value.purchases import Histories, distinct_histories
from dagster_project.settings import PROJECT_ROOT

SHARED = PROJECT_ROOT.parent / "shared" / "data"
BEGIN, CALIBRATION_END = date(1997, 1, 1), date(1997, 9, 30)


def read(name: str) -> pl.DataFrame:
    """One row per customer and day of `sample` (customers numbered twice: the second counts) or `master`."""
    path = SHARED / "cdnow" / f"CDNOW_{name}.txt"
    if not path.exists():
        pytest.skip("the third-party exports are not beside this checkout")
    skipped = 1 if name == "sample" else 0
    lines = [line.split() for line in path.read_text().splitlines()]
    rows = [line[skipped:] for line in lines if line and line[0].isdigit()]
    return (
        pl.DataFrame(
            {"customer": [row[0] for row in rows], "day": [row[1] for row in rows], "value": [row[3] for row in rows]}
        )
        .with_columns(pl.col("day").str.to_date("%Y%m%d"), pl.col("value").cast(pl.Float64))
        .group_by("customer", "day")
        .agg(pl.col("value").sum())
        .with_columns(first=pl.col("day").min().over("customer"))
        .sort("customer", "day")
    )


def summary(purchases: pl.DataFrame) -> pl.DataFrame:
    """One row per customer: x, t_x and T in weeks at the end of the calibration period."""
    last = pl.lit(CALIBRATION_END)
    return (
        purchases.filter(pl.col("day") <= last)
        .group_by("customer", maintain_order=True)
        .agg(
            x=pl.len() - 1,
            t_x=(pl.col("day").max() - pl.col("first").first()).dt.total_days() / 7,
            T=(last - pl.col("first").first()).dt.total_days() / 7,
        )
    )


def histories(purchases: pl.DataFrame) -> tuple[Histories, IntArray]:
    seen = summary(purchases)
    return distinct_histories(seen["x"].to_numpy(), seen["t_x"].to_numpy(), seen["T"].to_numpy())


def repeat_values(purchases: pl.DataFrame) -> pl.DataFrame:
    """One row per customer who bought again for money: how often (x) and for how much on average (z)."""
    is_repeat = (pl.col("day") > pl.col("first")) & (pl.col("day") <= pl.lit(CALIBRATION_END))
    by_customer = purchases.filter(is_repeat).group_by("customer", maintain_order=True)
    return by_customer.agg(x=pl.len(), z=pl.col("value").mean()).filter(pl.col("z") > 0)


def weekly_repeats(purchases: pl.DataFrame, *, weeks: int) -> tuple[FloatArray, FloatArray, FloatArray]:
    """Repeat purchases until the end of each week; days of first purchases, and how many customers began on each."""
    begin = pl.lit(BEGIN)
    repeat = purchases.filter(pl.col("day") > pl.col("first")).select((pl.col("day") - begin).dt.total_days())
    counted = np.bincount(repeat["day"].to_numpy() // 7, minlength=weeks)[:weeks]
    first = purchases.select("customer", day=(pl.col("first") - begin).dt.total_days()).unique()["day"].to_numpy()
    days, customers = np.unique(first, return_counts=True)
    return np.cumsum(counted).astype(np.float64), days.astype(np.float64), customers.astype(np.float64)

"""True counts by calendar month, from the true history alone: deals, contract churn, inactivity, drop-out."""

from __future__ import annotations

from typing import Any

import polars as pl

from dagster_project.simulation.baskets import CANCELLED
from dagster_project.simulation.figures import counted, relations
from dagster_project.simulation.horizon import DAY, NEVER
from dagster_project.simulation.world import World

CHURN_WINDOW_DAYS = 180


def monthly_figures(world: World) -> dict[str, list[dict[str, Any]]]:
    """Deals won and lost, contract churn, persons lost by inactivity and by true drop-out, for each calendar month."""
    months = (
        pl.date_range(world.horizon.start.replace(day=1), world.horizon.end, "1mo", eager=True).cast(pl.Int32).to_list()
    )
    closed = (
        counted(world)
        .filter(pl.col("outcome") != "open")
        .select(
            month=pl.col("close_day").cast(pl.Int32).cast(pl.Date).dt.truncate("1mo"), won=pl.col("outcome") == "won"
        )
    )
    wins = closed.group_by("month").agg(won=pl.col("won").sum(), lost=(~pl.col("won")).sum()).sort("month")
    return {
        "wins": [{"month": str(row["month"]), "won": row["won"], "lost": row["lost"]} for row in wins.to_dicts()],
        "contract_churn": _monthly_losses(months, relations(world).select(begin="started", end="churned")),
        "inactivity_churn_persons": _monthly_losses(months, _active_spells(world)),
        "true_dropout_persons": _monthly_losses(months, _lives(world)),
    }


def _monthly_losses(months: list[int], spells: pl.DataFrame) -> list[dict[str, Any]]:
    """Spells (first day, last day) alive on the first of each month, and how many of these end within the month."""
    begin, end = spells["begin"].to_numpy(), spells["end"].to_numpy()
    rows: list[dict[str, Any]] = []
    for month in months:
        first = pl.Series([month], dtype=pl.Int32).cast(pl.Date)
        following = first.dt.offset_by("1mo").cast(pl.Int32).item()
        active = (begin < month) & (end >= month)
        rows.append(
            {
                "month": str(first.item()),
                "active_at_start": int(active.sum()),
                "lost": int((active & (end < following)).sum()),
            }
        )
    return rows


def _active_spells(world: World) -> pl.DataFrame:
    """Stretches in which a person bought again in time; a spell's last day is the day the window ends."""
    orders = world.orders.filter((pl.col("person") >= 0) & (pl.col("origin") < CANCELLED) & ~pl.col("is_business"))
    days = orders.select("person", day=pl.col("at") // DAY).unique(maintain_order=True).sort("person", "day")
    starts = (pl.col("day") - pl.col("day").shift(1).over("person") > CHURN_WINDOW_DAYS).fill_null(value=True)
    spells = (
        days.with_columns(spell=starts.cum_sum())
        .group_by("spell", maintain_order=True)
        .agg(begin=pl.col("day").min(), end=pl.col("day").max() + CHURN_WINDOW_DAYS)
    )
    return spells.select("begin", "end")


def _lives(world: World) -> pl.DataFrame:
    persons = world.customers.filter(~pl.col("is_business"))
    return persons.select(
        begin=pl.col("first_at") // DAY, end=pl.min_horizontal("dropped_at", pl.lit(NEVER, pl.Int64)) // DAY
    )

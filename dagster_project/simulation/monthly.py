"""True counts by calendar month, from the true history alone: deals, churn, quotes, answers, visits, points."""

from __future__ import annotations

from typing import Any

import polars as pl

from dagster_project.simulation.baskets import CANCELLED
from dagster_project.simulation.costs import month_of
from dagster_project.simulation.figures import counted, relations
from dagster_project.simulation.horizon import DAY, NEVER
from dagster_project.simulation.loyalty import JOIN, LEAVE
from dagster_project.simulation.quotes import ACCEPTED, DECLINED, EXPIRED, SENT, STATUSES
from dagster_project.simulation.social import TYPES
from dagster_project.simulation.surveys import NPS
from dagster_project.simulation.truth_tables import final_quotes
from dagster_project.simulation.world import World

CHURN_WINDOW_DAYS = 180


def monthly_figures(world: World) -> dict[str, list[dict[str, Any]]]:
    """True counts for each calendar month.

    Deals won and lost, contract churn, persons lost by inactivity and by true drop-out, quotes by the month they were
    issued, answers to the NPS question, visits to the shops, social reactions, members and points of the club.
    """
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
        "quotes": _quotes(world),
        "nps_answers": _nps(world),
        "store_visits": _visits(world),
        "social_engagements": _engagements(world),
        "loyalty": _loyalty(world, months),
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


def _rows(counts: pl.DataFrame) -> list[dict[str, Any]]:
    """One record per month, in order."""
    ordered = counts.sort("month").with_columns(pl.col("month").cast(pl.String))
    return ordered.to_dicts()


def _quotes(world: World) -> list[dict[str, Any]]:
    """Latest versions that were sent, by the month they were sent and what has become of them."""
    end = world.horizon.end_second
    latest = final_quotes(world).filter((pl.col("issued_at") < end) & (pl.col("superseded_at") >= end))
    counts = latest.group_by(month=month_of("issued_at")).agg(
        issued=pl.len(),
        **{STATUSES[status]: (pl.col("status") == status).sum() for status in (SENT, ACCEPTED, DECLINED, EXPIRED)},
        ordered=(pl.col("ordered_at") < end).sum(),
        accepted_cents=pl.col("quoted_cents").filter(pl.col("status") == ACCEPTED).sum(),
    )
    return _rows(counts)


def _nps(world: World) -> list[dict[str, Any]]:
    """All answers to the NPS question, also several of one person."""
    answers = world.surveys.filter((pl.col("instrument") == NPS) & pl.col("is_answered"))
    score = pl.col("score")
    return _rows(
        answers.group_by(month=month_of("known_at")).agg(
            answers=pl.len(), promoters=(score >= 9).sum(), detractors=(score <= 6).sum()
        )
    )


def _visits(world: World) -> list[dict[str, Any]]:
    return _rows(
        world.visits.group_by(month=month_of("visited_at")).agg(
            visits=pl.len(), known=pl.col("is_known").sum(), purchases=pl.col("has_purchase").sum()
        )
    )


def _engagements(world: World) -> list[dict[str, Any]]:
    return _rows(
        world.engagements.group_by(month=month_of("engaged_at")).agg(
            **{name: (pl.col("type") == place).sum() for place, name in enumerate(TYPES)}
        )
    )


def _loyalty(world: World, months: list[int]) -> list[dict[str, Any]]:
    """Members and points at the end of each month, and what the rewards of the month cost."""
    moves = world.loyalty.transactions.with_columns(
        change=pl.when(pl.col("kind") == JOIN).then(1).when(pl.col("kind") == LEAVE).then(-1).otherwise(0)
    )
    counts = moves.group_by(month=month_of("at")).agg(
        pl.col("change").sum(), pl.col("points").sum(), reward_cents=pl.col("reward_cents").sum()
    )
    frame = pl.DataFrame({"month": pl.Series(months, dtype=pl.Int32).cast(pl.Date)})
    frame = frame.join(counts, on="month", how="left", maintain_order="left").fill_null(0)
    return _rows(
        frame.select(
            "month",
            members=pl.col("change").cum_sum(),
            points_outstanding=pl.col("points").cum_sum(),
            reward_cents="reward_cents",
        )
    )

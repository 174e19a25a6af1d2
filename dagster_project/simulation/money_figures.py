"""What is to be expected of quotes, the cost ledger and the customer club beside what came true."""

from __future__ import annotations

from typing import Any

import numpy as np
import polars as pl

from dagster_project.simulation.baskets import LOYALTY
from dagster_project.simulation.company import Segment
from dagster_project.simulation.figures import MATURE_DAYS, Figure, mean_figure, share_figure
from dagster_project.simulation.horizon import DAY, MONTH_DAYS, NEVER
from dagster_project.simulation.quotes import ACCEPTED, DRAFT, SENT
from dagster_project.simulation.truth_tables import cost_entries, final_quotes
from dagster_project.simulation.world import World

PROPOSAL = 2


def money_figures(world: World) -> list[Figure]:
    """Figures about quotes and the customer club."""
    return [*_quote_acceptance(world), *_quote_discounts(world), *_club(world)]


def cost_totals(world: World) -> list[dict[str, Any]]:
    """The ledger as it stands at the end: amount per month, kind, purpose and currency, and in euros."""
    totals = (
        cost_entries(world)
        .group_by(
            month=pl.col("booked_date").dt.truncate("1mo").cast(pl.String),
            cost_type="cost_type",
            cost_purpose="cost_purpose",
            currency_code="currency_code",
        )
        .agg(pl.col("amount", "amount_eur").sum().round(2))
    )
    return totals.sort("month", "cost_type", "cost_purpose", "currency_code").to_dicts()


def _won_from_proposal(world: World, segment: Segment) -> float:
    """Chance that a deal which reaches the stage Proposal is won."""
    lost_later = sum(stage.lost_share for stage in world.company.stages[PROPOSAL:])
    return segment.win_probability / (segment.win_probability + (1 - segment.win_probability) * lost_later)


def _quote_acceptance(world: World) -> list[Figure]:
    """Accepted among decided and expired quotes, each with its latest version; and the same of quotes old enough."""
    latest = final_quotes(world).filter(pl.col("superseded_at") >= world.horizon.end_second)
    decided = latest.filter(~pl.col("status").is_in([DRAFT, SENT])).with_columns(
        is_accepted=pl.col("status") == ACCEPTED
    )
    mature = decided.filter(
        pl.col("opportunity").is_not_null() & (pl.col("created_at") < world.horizon.end_second - MATURE_DAYS * DAY)
    )
    figures = [share_figure("quote_acceptance", "total", "total", "accepted / decided", None, decided["is_accepted"])]
    for number, segment in enumerate(world.company.segments):
        if segment.is_business:
            of_segment = pl.col("segment") == number
            figures += [
                share_figure(
                    "quote_acceptance",
                    "segment",
                    segment.name,
                    "accepted / decided",
                    None,
                    decided.filter(of_segment)["is_accepted"],
                ),
                share_figure(
                    "quote_acceptance_mature",
                    "segment",
                    segment.name,
                    "win_probability given Proposal",
                    _won_from_proposal(world, segment),
                    mature.filter(of_segment)["is_accepted"],
                ),
            ]
    return figures


def _quote_discounts(world: World) -> list[Figure]:
    """Discount in the price lists of deals' latest versions."""
    latest = final_quotes(world).filter(
        (pl.col("superseded_at") == NEVER)
        & (pl.col("issued_at") < world.horizon.end_second)
        & pl.col("opportunity").is_not_null()
    )
    share = latest.select(pl.col("discount_cents") / (pl.col("discount_cents") + pl.col("quoted_cents"))).to_series()
    percents, weights = zip(*world.company.quotes.discounts, strict=True)
    expected = float(np.average(percents, weights=weights)) / 100
    return [mean_figure("quote_discount", "total", "total", "discounts", expected, share)]


def _club(world: World) -> list[Figure]:
    """Members, points, rewards, and the orders that the club truly caused."""
    law, club, end = world.company.loyalty, world.loyalty, world.horizon.end_second
    members = club.members
    month = MONTH_DAYS * DAY
    enrolled = float((members["left_at"].clip(upper_bound=end) - members["joined_at"]).sum()) / month
    active = float((members["active_until"] - members["joined_at"]).sum()) / month
    extra = world.orders.filter(pl.col("origin") == LOYALTY).height
    persons = world.customers.filter(~pl.col("is_business") & (pl.col("first_at") < end))
    joined = persons["person"].is_in(members["person"].implode())
    points, rewards = club.transactions["points"].sum(), club.transactions["reward_cents"].sum()

    def count(kpi: str, value: float) -> Figure:
        return Figure(kpi, "total", "total", "the customer club", None, value, members.height)

    def rate(kpi: str, parameter: str, expected: float, months: float) -> Figure:
        return Figure(kpi, "total", "total", parameter, expected, extra / months if months else None, round(months))

    alive = active / enrolled if enrolled else 0.0
    return [
        share_figure("loyalty_members_share", "total", "total", "joins, some after the end", law.joins, joined),
        count("loyalty_members_at_end", members.filter(pl.col("left_at") >= end).height),
        count("loyalty_points_outstanding", float(points)),
        count("loyalty_reward_amount", float(rewards) / 100),
        count("loyalty_extra_orders", extra),
        rate(
            "loyalty_extra_orders_per_member_month",
            f"extra_orders_per_month {law.extra_orders_per_month} * living share {alive:.3f}",
            law.extra_orders_per_month * alive,
            enrolled,
        ),
        rate("loyalty_extra_orders_per_active_month", "extra_orders_per_month", law.extra_orders_per_month, active),
    ]

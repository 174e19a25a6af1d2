"""Tables of the truth about quotes, costs and the customer club; what the exports say about them is not read."""

from __future__ import annotations

import polars as pl

from dagster_project.simulation.baskets import LOYALTY
from dagster_project.simulation.exports import words_by
from dagster_project.simulation.horizon import NEVER
from dagster_project.simulation.identifiers import card_number, debtor_number, erp_order_number, opportunity_id
from dagster_project.simulation.loyalty import EARN, EXPIRE, REDEEM, TIERS
from dagster_project.simulation.quotes import DRAFT, SENT, STATUSES
from dagster_project.simulation.world import World
from dagster_project.simulation.writers.navision_costs import cost_entry_id
from dagster_project.simulation.writers.navision_quotes import quote_id, quote_number

SUPERSEDED = len(STATUSES)


def person_id(column: str = "person") -> pl.Expr:
    """The true identity."""
    return pl.concat_str(pl.lit("P"), pl.col(column).cast(pl.String).str.zfill(8))


def moment(column: str) -> pl.Expr:
    """Seconds as a timestamp; what never happens has none."""
    return pl.when(pl.col(column) < NEVER).then(pl.from_epoch(pl.col(column), time_unit="s")).cast(pl.Datetime("us"))


def final_quotes(world: World) -> pl.DataFrame:
    """Versions of quotes with the state they have at the end."""
    end = world.horizon.end_second
    status = (
        pl.when(pl.col("superseded_at") < end)
        .then(SUPERSEDED)
        .when(pl.col("outcome_at") < end)
        .then("outcome")
        .when(pl.col("issued_at") < end)
        .then(SENT)
        .otherwise(DRAFT)
    )
    return world.quotes.with_columns(status=status)


def quotes(world: World) -> pl.DataFrame:
    """One row per version of a quote in the state it has at the end."""
    end = world.horizon.end_second
    until_now = [pl.when(pl.col(name) < end).then(name) for name in ("issued_at", "ordered_at")]
    decided = pl.when(pl.col("outcome_at") < end).then("outcome_at").alias("outcome_at")
    frame = final_quotes(world).with_columns(*until_now, decided)
    return frame.select(
        quote_id=quote_id(),
        quote_number=quote_number(),
        quote_version="version",
        person_id=person_id(),
        segment=words_by(pl.col("segment"), world.company.segment_values("name")),
        opportunity_id=pl.when(pl.col("opportunity").is_not_null()).then(opportunity_id()),
        order_id=pl.when(pl.col("ordered_at").is_not_null()).then(erp_order_number()),
        status=words_by(pl.col("status"), [*STATUSES, "superseded"]),
        issued_at=moment("issued_at"),
        outcome_at=moment("outcome_at"),
        quoted_amount=pl.col("quoted_cents") / 100,
        discount_amount=pl.col("discount_cents") / 100,
    )


def cost_entries(world: World) -> pl.DataFrame:
    """One row per posting that stands at the end, in its own currency and in euros."""
    end = world.horizon.end_second
    campaigns = {campaign.number: campaign.campaign_id for campaign in world.marketing.campaigns}
    standing = world.costs.filter(pl.col("cancelled_at") >= end)
    cents = pl.when(pl.col("restated_at") < end).then("cents").otherwise("first_cents")
    rate = pl.when(pl.col("currency") == "USD").then(world.company.costs.usd_rate).otherwise(1.0)
    return standing.with_columns(shown=cents).select(
        entry_id=cost_entry_id(),
        booked_date=pl.from_epoch("booked_at", time_unit="s").dt.date(),
        cost_type="cost_type",
        cost_purpose="purpose",
        cost_center="center",
        currency_code="currency",
        amount=pl.col("shown") / 100,
        amount_eur=(pl.col("shown") * rate).round() / 100,
        driver="driver",
        campaign_id=pl.col("campaign").replace_strict(campaigns, default=None, return_dtype=pl.String),
        channel="channel",
        person_id=pl.when(pl.col("person").is_not_null()).then(person_id()),
        shared_id=pl.when(pl.col("person").is_not_null()).then(debtor_number()),
    )


def loyalty_members(world: World) -> pl.DataFrame:
    """One row per member: since when, until when, what was earned, redeemed and is left, and what the club caused."""
    moved = world.loyalty.transactions.group_by("member", maintain_order=True).agg(
        earned_points=pl.col("points").filter(pl.col("kind") == EARN).sum(),
        redeemed_points=-pl.col("points").filter(pl.col("kind") == REDEEM).sum(),
        expired_points=-pl.col("points").filter(pl.col("kind") == EXPIRE).sum(),
        points_balance=pl.col("points").sum(),
        reward_cents=pl.col("reward_cents").sum(),
        level=pl.col("tier").last(),
    )
    extra = world.orders.filter(pl.col("origin") == LOYALTY).group_by("person").agg(extra_order_count=pl.len())
    frame = world.loyalty.members.join(moved, on="member", how="left", maintain_order="left").join(
        extra, on="person", how="left", maintain_order="left"
    )
    return frame.select(
        account_id=card_number(),
        person_id=person_id(),
        joined_at=moment("joined_at"),
        left_at=moment("left_at"),
        active_until=moment("active_until"),
        tier=words_by(pl.col("level"), list(TIERS)),
        earned_points="earned_points",
        redeemed_points="redeemed_points",
        expired_points="expired_points",
        points_balance="points_balance",
        reward_amount=pl.col("reward_cents") / 100,
        extra_order_count=pl.col("extra_order_count").fill_null(0),
    )

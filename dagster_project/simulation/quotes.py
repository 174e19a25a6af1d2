"""Quotes: written in the stage Proposal, revised, accepted with the deal or lost with it; some without a deal."""

from __future__ import annotations

import numpy as np
import polars as pl

from dagster_project.simulation.company import Company, QuoteLaw
from dagster_project.simulation.draws import Random, chance, gamma_days, pick, stream
from dagster_project.simulation.horizon import DAY, HOUR, NEVER, Horizon, next_office_time, office_hours

STATUSES = ("draft", "sent", "accepted", "declined", "expired")
DRAFT, SENT, ACCEPTED, DECLINED, EXPIRED = range(5)
# Places on the way of an opportunity: the first entry of Proposal, a loss that was taken back, and the way on.
PROPOSAL, LOST_ONCE, REOPENED = 2, 6, 7
COLUMNS = (
    "person",
    "segment",
    "opportunity",
    "chain",
    "version",
    "created_at",
    "issued_at",
    "outcome",
    "outcome_at",
    "superseded_at",
    "quoted_cents",
    "discount_cents",
    "valid_day",
)


def make_quotes(
    company: Company,
    horizon: Horizon,
    *,
    opportunities: pl.DataFrame,
    orders: pl.DataFrame,
    care: pl.DataFrame,
    seed: int,
) -> pl.DataFrame:
    """Draw all quotes.

    Args:
        company: Parameters.
        horizon: Simulated time.
        opportunities: Deals with their way through the stages; deleted ones get no quote.
        orders: All orders, to know which order a won deal became.
        care: Business customers with `person`, `segment`, `since`, `until`.
        seed: Seed of the company.

    Returns:
        One row per version: quote and version, person, segment, opportunity, order, when it was created, issued,
        decided (`outcome`, `outcome_at`), superseded and ordered, its value and the discount in it. What never
        happens is at `NEVER`.
    """
    random, law = stream(seed, "quotes"), company.quotes
    proposed = opportunities.filter(
        pl.col("way_visited").arr.get(PROPOSAL) & (pl.col("deleted_after") >= NEVER)
    ).with_columns(
        proposed_at=pl.col("way_entered").arr.get(PROPOSAL),
        is_lost_once=pl.col("way_visited").arr.get(LOST_ONCE),
        lost_at=pl.col("way_entered").arr.get(LOST_ONCE),
        reopened_at=pl.col("way_entered").arr.get(REOPENED),
    )
    versions = _of_deals(law, random, proposed=proposed)
    parts = [versions, _unsent(law, random, proposed=proposed), _free(company, horizon, random, care=care)]
    frame = pl.concat([part.select(COLUMNS) for part in parts]).filter(pl.col("created_at") < horizon.end_second)
    ordered = (
        orders.filter(pl.col("opportunity").is_not_null())
        .group_by("opportunity", maintain_order=True)
        .agg(order=pl.col("order").first(), ordered_at=pl.col("at").first())
    )
    frame = _numbered(frame).join(ordered, on="opportunity", how="left", maintain_order="left")
    won = (pl.col("outcome") == ACCEPTED) & (pl.col("superseded_at") == NEVER)
    return frame.with_columns(
        order=pl.when(won).then("order"), ordered_at=pl.when(won).then("ordered_at").fill_null(NEVER)
    )


def _of_deals(law: QuoteLaw, random: Random, *, proposed: pl.DataFrame) -> pl.DataFrame:
    """Up to three versions: the first, a revision, and another one when a lost deal is taken up again."""
    plans = _plans(law, random, proposed=proposed)
    never = pl.lit(NEVER, pl.Int64)
    revised, renewed = pl.col("is_revised"), pl.col("is_renewed")
    renewed_at = pl.when(renewed).then("renewed_at").otherwise(never)
    lost_at = pl.when(renewed).then("lost_at").otherwise(never)
    # The whole discount is in the last version only.
    first_discount = pl.when(revised).then(pl.col("discount") // 2).otherwise("discount")
    kept = ("person", "segment", "opportunity", "chain", "proposed_at", "closed_at", "is_won", "expires", "valid_days")
    parts = [
        plans.select(
            *kept,
            version=pl.lit(1, pl.Int64),
            issued_at="first_at",
            superseded_at=pl.when(revised).then("revised_at").otherwise(renewed_at),
            lost_at=pl.when(revised).then(never).otherwise(lost_at),
            quoted_cents=pl.col("amount") + pl.col("discount") - first_discount,
            discount_cents=first_discount,
        ),
        plans.filter(revised).select(
            *kept,
            version=pl.lit(2, pl.Int64),
            issued_at="revised_at",
            superseded_at=renewed_at,
            lost_at=lost_at,
            quoted_cents="amount",
            discount_cents="discount",
        ),
        plans.filter(renewed).select(
            *kept,
            version=pl.when(revised).then(3).otherwise(2).cast(pl.Int64),
            issued_at="renewed_at",
            superseded_at=never,
            lost_at=never,
            quoted_cents="amount",
            discount_cents="discount",
        ),
    ]
    return _decided(pl.concat(parts))


def _plans(law: QuoteLaw, random: Random, *, proposed: pl.DataFrame) -> pl.DataFrame:
    """When a deal's quotes are sent, and what is in them."""
    size = proposed.height
    start, closed = proposed["proposed_at"].to_numpy(), proposed["closed_at"].to_numpy()
    again = proposed["is_lost_once"].to_numpy()
    until = np.where(again, proposed["lost_at"].to_numpy(), closed)
    first_at = next_office_time(start + gamma_days(random, law.days_to_quote, size))
    first_at = np.where(first_at < until, first_at, start + (until - start) // 3)
    share = 0.2 + 0.6 * random.random(size)
    revised_at = office_hours(first_at + (share * np.minimum(until - first_at, 30 * DAY)).astype(np.int64))
    renewed_at = proposed["reopened_at"].to_numpy() + HOUR
    revised = chance(random, law.revised, size) & (revised_at > first_at + HOUR) & (revised_at < until - HOUR)
    percents, weights = zip(*law.discounts, strict=True)
    percent = np.array(percents)[pick(random, weights, size)]
    return proposed.with_columns(
        chain=pl.int_range(pl.len(), dtype=pl.Int64),
        first_at=first_at,
        is_revised=revised,
        revised_at=revised_at,
        is_renewed=again & (renewed_at < closed),
        renewed_at=renewed_at,
        discount=proposed["amount"].to_numpy() * percent // (100 - percent),
        expires=chance(random, law.expired_when_lost, size),
        valid_days=np.array(law.valid_days)[random.integers(0, len(law.valid_days), size)],
    )


def _decided(versions: pl.DataFrame) -> pl.DataFrame:
    """What becomes of each version: nothing when it is replaced while open, else the fate of its deal."""
    issued = pl.col("issued_at")
    frame = versions.with_columns(
        valid_day=issued // DAY + pl.col("valid_days"),
        created_at=pl.max_horizontal(issued - 2 * HOUR, pl.min_horizontal("proposed_at", issued)),
    )
    late = pl.Series(next_office_time((frame["valid_day"].to_numpy() + 1) * DAY))
    is_lost = pl.col("lost_at") < NEVER
    is_replaced = (pl.col("superseded_at") < NEVER) & ~is_lost
    outcome = (
        pl.when(is_replaced)
        .then(SENT)
        .when(is_lost)
        .then(DECLINED)
        .when("is_won")
        .then(ACCEPTED)
        .when("expires")
        .then(EXPIRED)
        .otherwise(DECLINED)
    )
    decided_at = (
        pl.when(is_replaced)
        .then(NEVER)
        .when(is_lost)
        .then("lost_at")
        .when(outcome == EXPIRED)
        .then(late)
        .otherwise("closed_at")
    )
    return frame.with_columns(outcome=outcome.cast(pl.Int64), outcome_at=decided_at)


def _unsent(law: QuoteLaw, random: Random, *, proposed: pl.DataFrame) -> pl.DataFrame:
    """Drafts that nobody ever sent."""
    chosen = proposed.filter(pl.Series(chance(random, law.unsent_share, proposed.height)))
    return chosen.select(
        "person",
        "segment",
        "opportunity",
        chain=pl.int_range(pl.len(), dtype=pl.Int64) + 1_000_000_000,
        version=pl.lit(1, pl.Int64),
        created_at=pl.col("proposed_at") + HOUR,
        issued_at=pl.lit(NEVER, pl.Int64),
        outcome=pl.lit(DRAFT, pl.Int64),
        outcome_at=pl.lit(NEVER, pl.Int64),
        superseded_at=pl.lit(NEVER, pl.Int64),
        quoted_cents="amount",
        discount_cents=pl.lit(0, pl.Int64),
        valid_day=pl.lit(None, pl.Int64),
    )


def _free(company: Company, horizon: Horizon, random: Random, *, care: pl.DataFrame) -> pl.DataFrame:
    """Small quotes that customers asked for without an opportunity."""
    law = company.quotes
    since, until = care["since"].to_numpy(), np.minimum(care["until"].to_numpy(), horizon.end_second)
    span = np.maximum(until - since, 0)
    row = np.repeat(np.arange(care.height), random.poisson(law.without_opportunity_per_month * span / (30.4 * DAY)))
    issued = office_hours(since[row] + DAY + (span[row] * random.random(row.size)).astype(np.int64))
    chosen = care[row]
    mean = np.array(company.segment_values("deal_amount"))[chosen["segment"].to_numpy()] * law.without_opportunity_size
    accepted, declined = law.without_opportunity_accepted, law.without_opportunity_declined
    outcome = ACCEPTED + pick(random, (accepted, declined, 1 - accepted - declined), row.size)
    valid = issued // DAY + law.valid_days[0]
    decided = next_office_time(issued + HOUR + gamma_days(random, 8.0, row.size))
    quoted = (random.gamma(3.0, mean / 3.0) * 100).astype(np.int64) + 5_000
    return chosen.select(
        "person",
        "segment",
        opportunity=pl.lit(None, pl.Int64),
        chain=pl.int_range(pl.len(), dtype=pl.Int64) + 2_000_000_000,
        version=pl.lit(1, pl.Int64),
        created_at=issued - 600,
        issued_at=issued,
        outcome=outcome,
        outcome_at=np.where(outcome == EXPIRED, next_office_time((valid + 1) * DAY), decided),
        superseded_at=pl.lit(NEVER, pl.Int64),
        quoted_cents=quoted,
        discount_cents=pl.lit(0, pl.Int64),
        valid_day=valid,
    )


def _numbered(frame: pl.DataFrame) -> pl.DataFrame:
    """Number the quotes in order of their first version; versions of one quote share its number."""
    chains = frame.group_by("chain").agg(pl.col("created_at").min()).sort("created_at", "chain")
    chains = chains.select("chain", quote=pl.int_range(pl.len(), dtype=pl.Int64))
    return frame.join(chains, on="chain", how="left", maintain_order="left").drop("chain").sort("quote", "version")

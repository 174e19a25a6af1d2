"""Quotes: written in the stage Proposal, revised, accepted with the deal or lost with it; some without a deal."""

from __future__ import annotations

import numpy as np
import polars as pl

from dagster_project.simulation.company import Company, QuoteLaw
from dagster_project.simulation.draws import Ints, Random, chance, gamma_days, pick, stream
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
    size = proposed.height
    start = proposed["proposed_at"].to_numpy()
    closed = proposed["closed_at"].to_numpy()
    again = proposed["is_lost_once"].to_numpy()
    until = np.where(again, proposed["lost_at"].to_numpy(), closed)
    first_at = next_office_time(start + gamma_days(random, law.days_to_quote, size))
    first_at = np.where(first_at < until, first_at, start + (until - start) // 3)
    share = 0.2 + 0.6 * random.random(size)
    revised_at = office_hours(first_at + (share * np.minimum(until - first_at, 30 * DAY)).astype(np.int64))
    revised = chance(random, law.revised, size) & (revised_at > first_at + HOUR) & (revised_at < until - HOUR)
    renewed_at = proposed["reopened_at"].to_numpy() + HOUR
    renewed = again & (renewed_at < closed)
    percents, weights = zip(*law.discounts, strict=True)
    percent = np.array(percents)[pick(random, weights, size)]
    quoted = proposed["amount"].to_numpy()
    discount = quoted * percent // (100 - percent)
    expires = chance(random, law.expired_when_lost, size)
    valid = np.array(law.valid_days)[random.integers(0, len(law.valid_days), size)]
    won = proposed["is_won"].to_numpy()

    def version(chosen: Ints, number: Ints, issued: Ints, superseded: Ints, *, full: Ints, lost: Ints) -> pl.DataFrame:
        """One version; `full` says whether the whole discount is in it, `lost` when it is declined in any case."""
        given = np.where(full, discount, discount // 2)
        day = issued // DAY + valid
        late = next_office_time((day + 1) * DAY)
        outcome = np.where(lost < NEVER, DECLINED, np.where(won, ACCEPTED, np.where(expires, EXPIRED, DECLINED)))
        decided = np.where(lost < NEVER, lost, np.where(outcome == EXPIRED, late, closed))
        kept = (superseded < NEVER) & (lost == NEVER)
        return (
            proposed.select("person", "segment", "opportunity", chain=pl.int_range(pl.len(), dtype=pl.Int64))
            .select(
                pl.all(),
                version=number,
                created_at=np.maximum(issued - 2 * HOUR, np.minimum(start, issued)),
                issued_at=issued,
                outcome=np.where(kept, SENT, outcome),
                outcome_at=np.where(kept, NEVER, decided),
                superseded_at=superseded,
                quoted_cents=quoted + discount - given,
                discount_cents=given,
                valid_day=day,
            )
            .filter(pl.Series(chosen))
        )

    never: Ints = np.full(size, NEVER, dtype=np.int64)
    yes: Ints = np.ones(size, dtype=bool)
    lost_once = np.where(renewed, proposed["lost_at"].to_numpy(), NEVER)
    after_first = np.where(revised, revised_at, np.where(renewed, renewed_at, NEVER))
    return pl.concat(
        [
            version(
                yes,
                np.ones(size, dtype=np.int64),
                first_at,
                after_first,
                full=~revised,
                lost=np.where(revised, NEVER, lost_once),
            ),
            version(
                revised,
                np.full(size, 2),
                revised_at,
                np.where(renewed, renewed_at, NEVER),
                full=yes,
                lost=lost_once,
            ),
            version(renewed, np.where(revised, 3, 2), renewed_at, never, full=yes, lost=never),
        ]
    )


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

"""Leads, opportunities with their way through the stages, and sales activities as they truly happened."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import polars as pl

from dagster_project.simulation.company import Company
from dagster_project.simulation.draws import Bools, Floats, Ints, Random, chance, gamma_days, pick, stream
from dagster_project.simulation.horizon import DAY, NEVER, Horizon, next_office_time, office_hours
from dagster_project.simulation.people import People

WON, LOST = "Closed Won", "Closed Lost"
# Places on the longest way an opportunity can take, as stage numbers; 4 is won, 5 is lost.
WAY = (0, 1, 2, 1, 2, 3, 5, 3, 4)
STAGE_NAMES = ("Prospecting", "Qualification", "Proposal", "Negotiation", WON, LOST)


@dataclass(frozen=True)
class Sales:
    """Opportunities, every stage they entered, leads and activities."""

    opportunities: pl.DataFrame
    history: pl.DataFrame
    leads: pl.DataFrame
    activities: pl.DataFrame


def first_opportunities(company: Company, people: People, *, seed: int) -> pl.DataFrame:
    """The first deal of every company among the customers."""
    business = people.frame.filter(pl.col("is_business") & (pl.col("role") == 0))
    random = stream(seed, "opportunities/first")
    created = business["born_at"].to_numpy() + (random.random(business.height) * 5 * DAY).astype(np.int64)
    return _outcomes(
        company,
        random,
        person=business["person"].to_numpy(),
        segment=business["segment"].to_numpy(),
        created=created,
        first=True,
    )


def later_opportunities(company: Company, horizon: Horizon, *, won: pl.DataFrame, seed: int) -> pl.DataFrame:
    """Further deals of customers who are still there.

    Args:
        company: Parameters.
        horizon: Simulated time.
        won: Customers with `person`, `segment`, `since` (first win) and `until` (drop-out or end).
        seed: Seed of the company.
    """
    random = stream(seed, "opportunities/later")
    segment = won["segment"].to_numpy()
    span = np.maximum(np.minimum(won["until"].to_numpy(), horizon.end_second) - won["since"].to_numpy(), 0)
    yearly = np.array(company.segment_values("opportunities_per_year"))[segment]
    count = random.poisson(yearly * span / (365.25 * DAY))
    row = np.repeat(np.arange(won.height), count)
    created = won["since"].to_numpy()[row] + (random.random(row.size) * span[row]).astype(np.int64)
    return _outcomes(
        company, random, person=won["person"].to_numpy()[row], segment=segment[row], created=created, first=False
    )


def _outcomes(
    company: Company, random: Random, *, person: Ints, segment: Ints, created: Ints, first: bool
) -> pl.DataFrame:
    size = person.size
    law = company.sales
    won = chance(random, np.array(company.segment_values("win_probability"))[segment], size)
    lost_at = pick(random, [stage.lost_share for stage in company.stages], size)
    imported = chance(random, 0.0 if first else law.imported, size)
    mean_amount = np.array(company.segment_values("deal_amount"))[segment]
    frame = pl.DataFrame(
        {
            "person": person,
            "segment": segment,
            "is_first": np.full(size, first),
            "is_won": won,
            "exit_stage": np.where(won, 3, lost_at),
            "is_imported": imported,
            "amount": (np.maximum(random.gamma(3.0, np.maximum(mean_amount, 1.0) / 3.0), 200) // 10 * 1000).astype(
                np.int64
            ),
            "amount_known_from": np.where(chance(random, 0.2, size), 2, 0),
            "amount_never": chance(random, 0.015, size) & ~won,
            "source": pick(random, (0.3, 0.25, 0.2, 0.25), size),
        }
    )
    durations, visited = _way(company, random, frame=frame)
    entered = created[:, None] + np.cumsum(np.where(visited, durations, 0), axis=1) - np.where(visited, durations, 0)
    entered = np.maximum.accumulate(office_hours(entered), axis=1)
    return frame.with_columns(
        created_at=entered[:, 0],
        closed_at=entered[:, -1],
        close_shift=np.where(imported, random.integers(5, 60, size) * DAY, 0),
        expected_days=60 + random.integers(0, 60, size),
        deleted_after=np.where(chance(random, law.deleted, size), random.integers(2, 90, size) * DAY, NEVER),
        way_entered=pl.Series(entered, dtype=pl.Array(pl.Int64, len(WAY))),
        way_visited=pl.Series(visited, dtype=pl.Array(pl.Boolean, len(WAY))),
    )


def _way(company: Company, random: Random, *, frame: pl.DataFrame) -> tuple[Ints, Bools]:
    """Duration and visit of each place of the longest way."""
    size, law = frame.height, company.sales
    exit_stage, won, imported = (
        frame["exit_stage"].to_numpy(),
        frame["is_won"].to_numpy(),
        frame["is_imported"].to_numpy(),
    )
    factor: Floats = np.array(company.segment_values("stage_factor"))[frame["segment"].to_numpy()]
    means = [company.stages[stage].mean_days if stage < 4 else 0.0 for stage in WAY]
    means[6] = 12.0
    durations = np.column_stack(
        [gamma_days(random, mean * factor, size) if mean else np.zeros(size, dtype=np.int64) for mean in means]
    )
    skipped = chance(random, law.skipped, size) & (exit_stage >= 2)
    back = chance(random, law.stepped_back, size) & (exit_stage >= 2)
    reopened = chance(random, law.won_after_reopening, size) & won
    visited = np.column_stack(
        [
            np.ones(size, dtype=bool),
            (exit_stage >= 1) & ~skipped,
            exit_stage >= 2,
            back,
            back,
            exit_stage >= 3,
            reopened,
            reopened,
            np.ones(size, dtype=bool),
        ]
    )
    visited[imported, :-1] = False
    return durations, visited


def with_ids(opportunities: pl.DataFrame) -> pl.DataFrame:
    """Number the opportunities in the order of their creation."""
    ordered = opportunities.sort("created_at", "person", maintain_order=True)
    return ordered.with_columns(opportunity=pl.int_range(pl.len(), dtype=pl.Int64))


def merged_twins(company: Company, opportunities: pl.DataFrame, *, seed: int) -> pl.DataFrame:
    """Opportunities entered twice: a second record a few days later that is merged into the first."""
    random = stream(seed, "opportunities/merged")
    chosen = opportunities.filter(
        pl.Series(chance(random, company.sales.merged, opportunities.height)) & ~pl.col("is_imported")
    )
    size = chosen.height
    created = next_office_time(chosen["created_at"].to_numpy() + random.integers(1, 5, size) * DAY)
    return chosen.select("person", "segment", "amount", "source", "expected_days", survivor="opportunity").with_columns(
        created_at=created,
        merged_at=next_office_time(created + random.integers(1, 12, size) * DAY),
        opportunity=pl.int_range(opportunities.height, opportunities.height + size, dtype=pl.Int64, eager=True),
    )


def stage_history(opportunities: pl.DataFrame) -> pl.DataFrame:
    """One row per stage an opportunity entered, in order."""
    stages = pl.Series(WAY)
    places = opportunities.select(
        "opportunity",
        "person",
        "segment",
        "is_won",
        "is_imported",
        "amount",
        "amount_known_from",
        "amount_never",
        "expected_days",
        "created_at",
        "close_shift",
        "way_entered",
        "way_visited",
    )
    long = places.with_columns(
        pl.col("way_entered").arr.to_list(),
        pl.col("way_visited").arr.to_list(),
        place=pl.lit(list(range(len(WAY)))),
    ).explode("way_entered", "way_visited", "place")
    long = long.filter("way_visited").with_columns(
        stage=pl.when((pl.col("place") == len(WAY) - 1) & ~pl.col("is_won"))
        .then(5)
        .otherwise(pl.col("place").replace_strict(range(len(WAY)), stages, return_dtype=pl.Int64)),
        changed_at="way_entered",
    )
    return long.drop("way_entered", "way_visited", "place").sort("changed_at", "opportunity", maintain_order=True)


def make_leads(
    company: Company, horizon: Horizon, *, people: People, opportunities: pl.DataFrame, seed: int
) -> pl.DataFrame:
    """Leads that became the first deal of a company, and leads that came to nothing."""
    random = stream(seed, "leads")
    law = company.sales
    firsts = opportunities.filter("is_first").select("person", "segment", "opportunity", converted_at="created_at")
    size = firsts.height
    created = office_hours(firsts["converted_at"].to_numpy() - gamma_days(random, law.lead_days, size))
    won = firsts.with_columns(
        created_at=created,
        qualified_at=created + ((firsts["converted_at"].to_numpy() - created) * 0.5).astype(np.int64),
        ended_at="converted_at",
    ).filter(
        pl.Series(chance(random, law.lead_share, size) & (created >= horizon.first_second))
        & (pl.col("created_at") < pl.col("converted_at"))
    )
    lost = people.frame.filter(pl.col("role") == 2).select("person", "segment", "born_at")
    size = lost.height
    created = office_hours(lost["born_at"].to_numpy())
    open_days = random.integers(10, 60, size) * DAY
    lost = lost.select("person", "segment").with_columns(
        opportunity=pl.lit(None, pl.Int64),
        converted_at=pl.lit(None, pl.Int64),
        created_at=created,
        qualified_at=np.where(chance(random, law.lost_lead_qualified, size), created + open_days // 2, NEVER),
        ended_at=created + open_days,
    )
    leads = pl.concat([won.select(lost.columns), lost]).sort("created_at", "person", maintain_order=True)
    return leads.with_columns(
        lead=pl.int_range(pl.len(), dtype=pl.Int64),
        kind=pick(random, (0.6, 0.1, 0.1, 0.2), leads.height),
        from_web=chance(random, law.web_visit_before_lead, leads.height),
        visited_at=leads["created_at"].to_numpy() - DAY - gamma_days(random, 9.0, leads.height),
    )


def account_openings(people: People, leads: pl.DataFrame) -> pl.DataFrame:
    """When the CRM opened an account for each company with a deal: with the conversion of its lead, else at once."""
    firms = people.frame.filter(pl.col("is_business") & (pl.col("role") == 0)).select("person", "born_at")
    converted = leads.filter(pl.col("opportunity").is_not_null()).select("person", "converted_at")
    firms = firms.with_columns(entered_at=pl.Series(office_hours(firms["born_at"].to_numpy())))
    joined = firms.join(converted, on="person", how="left", maintain_order="left")
    return joined.select("person", opened_at=pl.coalesce("converted_at", "entered_at"))


def make_activities(
    company: Company, horizon: Horizon, *, people: People, parts: Sales, care: pl.DataFrame, seed: int
) -> pl.DataFrame:
    """Calls, mails, visits and meetings: around leads, during deals and as care of existing customers.

    Args:
        company: Parameters.
        horizon: Simulated time.
        people: Identities.
        parts: Opportunities, history and leads.
        care: Customers with `person`, `since` and `until`.
        seed: Seed of the company.
    """
    random = stream(seed, "activities")
    law = company.sales
    around = [_lead_calls(random, parts.leads), _cold_calls(law.call_before_deal, random, people=people, parts=parts)]
    around.append(_stage_activities(law.activities_per_stage, random, parts=parts, end=horizon.end_second))
    around.append(_care(law.care_per_month, random, care=care, end=horizon.end_second))
    columns = ["person", "occurred_at", "lead", "opportunity"]
    frame = pl.concat([part.select(columns) for part in around])
    frame = frame.filter(pl.col("occurred_at").is_between(horizon.first_second, horizon.end_second - 1))
    frame = frame.sort("occurred_at", "person", "lead", "opportunity", maintain_order=True)
    size = frame.height
    return frame.with_columns(
        activity=pl.int_range(pl.len(), dtype=pl.Int64),
        kind=pick(random, (0.5, 0.25, 0.12, 0.13), size),
        inbound=chance(random, 0.2, size),
        minutes=random.integers(3, 60, size),
        outcome=pick(random, (0.6, 0.25, 0.15), size),
    )


def _lead_calls(random: Random, leads: pl.DataFrame) -> pl.DataFrame:
    called = leads.filter(pl.Series(chance(random, 0.8, leads.height)))
    wait = gamma_days(random, 1.5, called.height)
    at = next_office_time(np.minimum(called["created_at"].to_numpy() + wait, called["ended_at"].to_numpy() - DAY))
    return (
        called.select("person", "lead", "created_at")
        .with_columns(occurred_at=at, opportunity=pl.lit(None, pl.Int64))
        .filter(pl.col("occurred_at") > pl.col("created_at"))
    )


def _cold_calls(share: float, random: Random, *, people: People, parts: Sales) -> pl.DataFrame:
    firsts = parts.opportunities.filter("is_first").join(
        parts.leads.select("opportunity"), on="opportunity", how="anti", maintain_order="left"
    )
    firsts = firsts.filter(pl.Series(chance(random, share, firsts.height))).sort("opportunity")
    born = office_hours(people.ints("born_at")[firsts["person"].to_numpy()])
    at = born + ((firsts["created_at"].to_numpy() - born) * random.random(firsts.height) * 0.9).astype(np.int64)
    return firsts.select("person", lead=pl.lit(None, pl.Int64), opportunity=pl.lit(None, pl.Int64)).with_columns(
        occurred_at=at
    )


def _stage_activities(mean: float, random: Random, *, parts: Sales, end: int) -> pl.DataFrame:
    open_stages = parts.history.filter(pl.col("stage") < 4).sort("opportunity", "changed_at", maintain_order=True)
    count = random.poisson(mean, open_stages.height)
    rows = open_stages[np.repeat(np.arange(open_stages.height), count)]
    closed = rows.join(
        parts.opportunities.select("opportunity", "closed_at"), on="opportunity", how="left", maintain_order="left"
    )
    start, stop = rows["changed_at"].to_numpy(), np.minimum(closed["closed_at"].to_numpy(), end)
    spread = np.minimum(stop - start, 20 * DAY)
    at = next_office_time(start + (np.maximum(spread, 0) * random.random(rows.height)).astype(np.int64))
    kept = pl.Series((at >= start) & (at <= closed["closed_at"].to_numpy()))
    return rows.select("person", "opportunity", lead=pl.lit(None, pl.Int64)).with_columns(occurred_at=at).filter(kept)


def _care(per_month: float, random: Random, *, care: pl.DataFrame, end: int) -> pl.DataFrame:
    since, until = care["since"].to_numpy(), np.minimum(care["until"].to_numpy(), end)
    span = np.maximum(until - since, 0)
    count = random.poisson(per_month * span / (30.4 * DAY))
    row = np.repeat(np.arange(care.height), count)
    at = office_hours(since[row] + (span[row] * random.random(row.size)).astype(np.int64))
    return (
        care[row]
        .select("person", lead=pl.lit(None, pl.Int64), opportunity=pl.lit(None, pl.Int64))
        .with_columns(occurred_at=at)
    )

"""Whom activities reach at a company, and which of them managers do; that they happen is decided in sales."""

from __future__ import annotations

import polars as pl

from dagster_project.simulation.company import Company
from dagster_project.simulation.draws import chance, stream
from dagster_project.simulation.people import People
from dagster_project.simulation.sales import Sales, account_openings

DECIDER = "decider"


def contact_entered(opened_at: str) -> pl.Expr:
    """When the CRM heard of a contact: the first with the account, the others a day apart."""
    return pl.col(opened_at) + 60 + pl.col("place") * 86_000


def with_people(company: Company, activities: pl.DataFrame, *, people: People, parts: Sales, seed: int) -> pl.DataFrame:
    """Say of each activity whom it reached (`contact`, null for leads and strangers) and whether a manager did it.

    A deal reaches the company's decider once, with a chance that depends on whether it will be won, if one is known at
    any of its activities; all else of a deal goes to other people, the care of customers to anybody.
    """
    random, law = stream(seed, "buying centers"), company.sales
    won = parts.opportunities["is_won"].to_numpy()
    chances = law.decider_reached_when_lost + (law.decider_reached_when_won - law.decider_reached_when_lost) * won
    reached = parts.opportunities.select("opportunity", reaches=pl.Series(chance(random, chances, won.size)))
    pairs = known_contacts(activities, people=people, leads=parts.leads)
    pairs = pairs.with_columns(luck=pl.Series(random.random(pairs.height))).sort("activity", "luck")
    is_decider = pl.col("buying_role") == DECIDER
    chosen = pairs.group_by("activity", maintain_order=True).agg(
        pl.col("opportunity").first(),
        anybody=pl.col("contact").first(),
        decider=pl.col("contact").filter(is_decider).first(),
        other=pl.col("contact").filter(~is_decider).first(),
    )
    chosen = chosen.join(reached, on="opportunity", how="left", maintain_order="left")
    first = pl.col("decider").is_not_null().cum_sum().over("opportunity") == 1
    turn = pl.col("reaches") & first & pl.col("decider").is_not_null()
    contact = pl.when(pl.col("opportunity").is_null()).then("anybody").when(turn).then("decider").otherwise("other")
    managed = chance(random, law.management_share, activities.height)
    return activities.join(
        chosen.select("activity", contact=contact), on="activity", how="left", maintain_order="left"
    ).with_columns(is_management=managed)


def known_contacts(activities: pl.DataFrame, *, people: People, leads: pl.DataFrame) -> pl.DataFrame:
    """Activities with a company, and each contact of it that was known at the time."""
    dealings = activities.filter(pl.col("lead").is_null()).join(
        account_openings(people, leads), on="person", how="inner", maintain_order="left"
    )
    contacts = people.contacts.select("person", "contact", "place", "buying_role")
    pairs = dealings.select("activity", "opportunity", "person", "occurred_at", "opened_at").join(
        contacts, on="person", how="inner", maintain_order="left_right"
    )
    return pairs.filter(contact_entered("opened_at") <= pl.col("occurred_at"))

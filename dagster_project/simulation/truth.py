"""What is true about a simulated company, written apart from its exports: parameters, identities, events, figures."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path

import polars as pl

from dagster_project.simulation.baskets import CANCELLED, ORIGINS
from dagster_project.simulation.company import Company
from dagster_project.simulation.contact_figures import contact_figures
from dagster_project.simulation.dirt import Incident
from dagster_project.simulation.drafts import Drafts
from dagster_project.simulation.exports import PARQUET, words_by
from dagster_project.simulation.figures import Figure, all_figures, visible_opportunities
from dagster_project.simulation.horizon import DAY, Horizon
from dagster_project.simulation.identifiers import (
    account_id,
    card_number,
    debtor_number,
    erp_order_number,
    member_id,
    opportunity_id,
    requester_id,
    shop_customer_id,
    shop_order_name,
)
from dagster_project.simulation.money_figures import cost_totals, money_figures
from dagster_project.simulation.monthly import monthly_figures
from dagster_project.simulation.people import LINKS, ROLES
from dagster_project.simulation.service import KINDS, PLACE, PRIORITIES, TOPICS
from dagster_project.simulation.sums import Records, added_figures, added_records
from dagster_project.simulation.truth_tables import cost_entries, loyalty_members, moment, person_id, quotes
from dagster_project.simulation.world import World
from dagster_project.simulation.writers.loyalty import club_members
from dagster_project.simulation.writers.salesforce_people import business_accounts
from dagster_project.simulation.writers.shopify import shop_accounts
from dagster_project.simulation.writers.zendesk import users


class Truth:
    """Takes what is true of each branch and writes it as that of one company."""

    def __init__(self, folder: Path, *, branches: int) -> None:
        """Begin with nothing.

        Args:
            folder: Directory outside the landing directory; the pipeline never reads it.
            branches: How many branches there are.
        """
        self.folder = folder
        self._drafts = Drafts(folder / "drafts" / "truth", branches=branches)
        self._counts: Counter[str] = Counter()
        self._figures: list[list[Figure]] = []
        self._monthly: list[dict[str, Records]] = []
        self._costs: list[Records] = []

    def add(self, world: World) -> None:
        """Take the history of one branch."""
        for name, build in _tables().items():
            frame = build(world)
            self._counts[name] += frame.height
            self._drafts.add(f"{name}.parquet", frame, form=PARQUET)
        self._figures.append([*all_figures(world), *money_figures(world), *contact_figures(world)])
        self._monthly.append(monthly_figures(world))
        self._costs.append(cost_totals(world))

    def close(
        self, company: Company, horizon: Horizon, *, identity: dict[str, float | str], incidents: list[Incident]
    ) -> None:
        """Write it.

        Args:
            company: Parameters.
            horizon: Simulated time.
            identity: The arguments of the simulation.
            incidents: What went wrong with which file.
        """
        for name in _tables():
            self._drafts.finish(f"{name}.parquet", self.folder / f"{name}.parquet")
        self._drafts.close()
        described = {
            "simulation": identity,
            "company": asdict(company),
            "end": horizon.end.isoformat(),
            "counts": dict(self._counts),
            "dirt": [incident.as_record() for incident in incidents],
        }
        _write_json(self.folder / "truth.json", described)
        known = {
            "figures": [asdict(figure) for figure in added_figures(self._figures)],
            "monthly": {name: added_records([one[name] for one in self._monthly]) for name in self._monthly[0]},
            "costs": added_records(self._costs),
        }
        _write_json(self.folder / "kpi_truth.json", known)


def _tables() -> dict[str, Callable[[World], pl.DataFrame]]:
    return {
        "identities": identities,
        "customers": _customers,
        "orders": _orders,
        "opportunities": _opportunities,
        "tickets": _tickets,
        "contract_relations": _contract_relations,
        "quotes": quotes,
        "cost_entries": cost_entries,
        "loyalty_members": loyalty_members,
    }


def _write_json(path: Path, values: object) -> None:
    path.write_text(json.dumps(values, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")


def identities(world: World) -> pl.DataFrame:
    """One row per account of a source system: whose it is, and how it can be recognised."""
    end = world.horizon.end_second
    link = words_by(pl.col("link"), list(LINKS))
    companies = business_accounts(world).filter(
        (pl.col("created_at") < end) & (pl.col("created_at") < pl.col("removed_at"))
    )
    debtors = world.customers.filter("is_business").join(
        world.people.frame.select("person", "link"), on="person", how="left", maintain_order="left"
    )

    def part(frame: pl.DataFrame, system: str, account: pl.Expr, linked_by: pl.Expr) -> pl.DataFrame:
        return frame.select(
            source_system=pl.lit(system), account_id=account.cast(pl.String), person_id=person_id(), linked_by=linked_by
        )

    members = world.marketing.members
    by_phone = (
        pl.when(pl.col("user_email").str.to_lowercase().str.starts_with("privat."))
        .then(pl.lit("phone"))
        .otherwise(pl.lit("email"))
    )
    by_number = pl.when(pl.col("number").is_not_null()).then(pl.lit("shared_id")).otherwise(by_phone)
    parts = [
        part(companies, "salesforce", account_id(), link),
        part(debtors, "navision", debtor_number(), link),
        part(
            shop_accounts(world),
            "shopify",
            shop_customer_id(),
            pl.when("is_second").then(pl.lit("phone")).otherwise(pl.lit("email")),
        ),
        part(users(world).filter(pl.col("_at") < end), "zendesk", requester_id(), by_number),
        part(members, "mailchimp", member_id(), pl.lit("email")),
        part(
            club_members(world),
            "loyalty",
            card_number(),
            pl.when("by_phone").then(pl.lit("phone")).otherwise(pl.lit("email")),
        ),
    ]
    return pl.concat(parts)


def _customers(world: World) -> pl.DataFrame:
    """One row per person or company that ever bought: its law, its first and last purchase, when it dropped out."""
    orders = world.orders.filter((pl.col("person") >= 0) & (pl.col("origin") < CANCELLED))
    bought = orders.group_by("person", maintain_order=True).agg(
        order_count=pl.len(), net_cents=pl.col("net_cents").sum()
    )
    frame = world.customers.join(bought, on="person", how="left", maintain_order="left").join(
        world.people.frame.select("person", "role", "segment_name"), on="person", how="left", maintain_order="left"
    )
    return frame.select(
        person_id=person_id(),
        role=words_by(pl.col("role"), list(ROLES)),
        segment="segment_name",
        is_business="is_business",
        purchase_rate_per_month="rate_per_month",
        dropout_probability="dropout_probability",
        mean_order_value=6.0 / pl.col("spend_rate"),
        first_purchase_at=moment("first_at"),
        last_process_purchase_at=moment("last_at"),
        dropped_out_at=moment("dropped_at"),
        is_alive_at_end="is_alive_at_end",
        order_count="order_count",
        net_amount=pl.col("net_cents") / 100,
    )


def _orders(world: World) -> pl.DataFrame:
    known = pl.col("person") >= 0
    order = pl.when("is_business").then(erp_order_number()).otherwise(shop_order_name())
    return world.orders.select(
        source_system=pl.when("is_business").then(pl.lit("navision")).otherwise(pl.lit("shopify")),
        order_id=order,
        person_id=pl.when(known).then(person_id()),
        ordered_at=moment("at"),
        origin=words_by(pl.col("origin"), list(ORIGINS)),
        net_amount=pl.col("net_cents") / 100,
    )


def _opportunities(world: World) -> pl.DataFrame:
    segments = world.company.segment_values("name")
    return visible_opportunities(world).select(
        opportunity_id=opportunity_id(),
        person_id=person_id(),
        segment=words_by(pl.col("segment"), segments),
        created_at=moment("created_at"),
        will_be_won="is_won",
        will_close_at=moment("closed_at"),
        outcome_at_end="outcome",
        close_date=pl.col("close_day").cast(pl.Int32).cast(pl.Date),
        is_first="is_first",
        is_imported="is_imported",
        is_deleted_at_end="is_deleted",
        first_touch_at=moment("first_touch_at"),
        amount=pl.col("amount") / 100,
        is_amount_known=~pl.col("amount_never"),
    )


def _tickets(world: World) -> pl.DataFrame:
    teams = [team.name for team in world.company.teams]
    return world.service.tickets.select(
        ticket_id=(pl.col("ticket") + 50_001).cast(pl.String),
        person_id=pl.when(pl.col("person") >= 0).then(person_id()),
        team=words_by(pl.col("team"), teams),
        topic=words_by(pl.col("topic"), list(TOPICS)),
        kind=words_by(pl.col("kind"), list(KINDS)),
        created_at=moment("created_at"),
        solved_at=moment("solved_at"),
        solved_again_at=moment("solved_again_at"),
        is_answered="is_answered",
        is_solved_at_first_contact="is_success",
        is_reopened="is_reopened",
        is_repeated_soon="is_repeating",
        is_repeat="is_repeat",
        first_reply_at=pl.when("is_answered").then(
            pl.from_epoch(pl.col("course_at").arr.get(PLACE["reply_1"]), time_unit="s").cast(pl.Datetime("us"))
        ),
        priority=words_by(pl.col("priority"), list(PRIORITIES)),
        later_priority=words_by(pl.col("later_priority"), list(PRIORITIES)),
        priority_changed_at=moment("priority_changed_at"),
    )


def _contract_relations(world: World) -> pl.DataFrame:
    """One row per company that ever had a contract: from when to when it truly was a contract customer."""
    relations = world.contracts.group_by("person", maintain_order=True).agg(
        started=pl.col("started_day").min(),
        churned=pl.col("churn_day").first(),
        segment=pl.col("segment").first(),
        contracts=pl.len(),
    )
    end_day = world.horizon.end_second // DAY
    day = pl.col("churned").cast(pl.Int32).cast(pl.Date)
    return relations.select(
        person_id=person_id(),
        segment=words_by(pl.col("segment"), world.company.segment_values("name")),
        started_date=pl.col("started").cast(pl.Int32).cast(pl.Date),
        churned_date=pl.when(pl.col("churned") < end_day).then(day),
        contract_count="contracts",
    )

"""The whole true history of the demo company, put together room by room; nothing is written to disk here."""

from __future__ import annotations

from dataclasses import dataclass, fields, replace
from typing import TypeVar

import numpy as np
import polars as pl

from dagster_project.simulation import baskets, loyalty, marketing, sales, service, surveys
from dagster_project.simulation.branches import Branch, Progress, only_branch
from dagster_project.simulation.buying_centers import with_people
from dagster_project.simulation.company import Company
from dagster_project.simulation.contracts import make_contracts
from dagster_project.simulation.costs import Causes, make_costs
from dagster_project.simulation.draws import Ints, stream
from dagster_project.simulation.horizon import DAY, Horizon, next_office_time
from dagster_project.simulation.people import People, make_people
from dagster_project.simulation.purchases import make_purchases
from dagster_project.simulation.quotes import make_quotes
from dagster_project.simulation.social import make_engagements
from dagster_project.simulation.stores import make_visits
from dagster_project.simulation.web import make_sessions

Part = TypeVar("Part")


@dataclass(frozen=True)
class World:
    """Everything that truly happened in one branch."""

    company: Company
    horizon: Horizon
    branch: Branch
    seed: int
    people: People
    customers: pl.DataFrame
    sales: sales.Sales
    twins: pl.DataFrame
    orders: pl.DataFrame
    lines: pl.DataFrame
    returns: pl.DataFrame
    sequence: pl.DataFrame
    contracts: pl.DataFrame
    marketing: marketing.Marketing
    service: service.Service
    surveys: pl.DataFrame
    sessions: pl.DataFrame
    quotes: pl.DataFrame
    loyalty: loyalty.Loyalty
    costs: pl.DataFrame
    visits: pl.DataFrame
    engagements: pl.DataFrame


def make_world(company: Company, horizon: Horizon, *, customers: int, seed: int, on_progress: Progress) -> World:
    """Draw the history of a company of one branch."""
    return make_branch(company, horizon, only_branch(customers=customers, seed=seed), on_progress=on_progress)


def make_branch(company: Company, horizon: Horizon, branch: Branch, *, on_progress: Progress) -> World:
    """Draw the history of one branch; its records are numbered behind those of the branches before."""
    return _renumbered(_drawn(company, horizon, branch, on_progress=on_progress), branch)


def _renumbered(part: Part, branch: Branch) -> Part:
    """All frames of a dataclass and of the dataclasses in it, numbered for the branch."""
    changed: dict[str, object] = {}
    for one in fields(part):  # type: ignore[arg-type]
        value = getattr(part, one.name)
        if isinstance(value, pl.DataFrame):
            changed[one.name] = branch.renumbered(value)
        elif isinstance(value, People | sales.Sales | marketing.Marketing | service.Service | loyalty.Loyalty):
            changed[one.name] = _renumbered(value, branch)
    return replace(part, **changed)  # type: ignore[type-var]


def _drawn(company: Company, horizon: Horizon, branch: Branch, *, on_progress: Progress) -> World:
    on_progress("people and deals")
    seed = branch.seed
    people = make_people(company, horizon, customers=branch.customers, seed=seed, first=branch.first_person)
    firsts = sales.first_opportunities(company, people, seed=seed)
    buyers = _buyers(horizon, people=people, firsts=firsts)
    purchases = make_purchases(company, horizon, buyers=buyers, seed=seed)
    opportunities = _all_opportunities(company, horizon, firsts=firsts, customers=purchases.customers, seed=seed)
    care = purchases.customers.filter("is_business").select("person", "segment", since="first_at", until="dropped_at")
    twins = sales.merged_twins(company, opportunities, seed=seed)
    history = sales.stage_history(opportunities)
    leads = sales.make_leads(company, horizon, people=people, opportunities=opportunities, seed=seed)
    parts = sales.Sales(opportunities, history, leads, pl.DataFrame())
    activities = with_people(
        company,
        sales.make_activities(company, horizon, people=people, parts=parts, care=care, seed=seed),
        people=people,
        parts=parts,
        seed=seed,
    )

    on_progress("campaigns")
    orders = _own_orders(
        horizon, purchases=purchases.orders, customers=purchases.customers, opportunities=opportunities
    )
    market = marketing.make_marketing(
        company, horizon, people=people, customers=purchases.customers, orders=orders, seed=seed
    )
    on_progress("orders")
    members = loyalty.make_members(company, horizon, customers=purchases.customers, seed=seed)
    orders, lines, sequence = _baskets(
        company, horizon, orders=orders, customers=purchases.customers, market=market, members=members, seed=seed
    )
    returns = baskets.make_returns(company, horizon, orders=orders, lines=lines, seed=seed)
    on_progress("service and web")
    tickets = service.make_service(company, horizon, people=people, orders=orders, lines=lines, care=care, seed=seed)
    movements = loyalty.make_transactions(company, horizon, members=members, orders=orders, returns=returns, seed=seed)
    club = loyalty.Loyalty(members, movements)
    deals = sales.Sales(opportunities, history, leads, activities)
    causes = Causes(people, purchases.customers, deals, orders, returns, market, tickets, club)
    return World(
        company=company,
        horizon=horizon,
        branch=branch,
        seed=seed,
        people=people,
        customers=purchases.customers,
        sales=deals,
        twins=twins,
        orders=orders,
        lines=lines,
        returns=returns,
        sequence=sequence,
        contracts=make_contracts(company, horizon, customers=buyers.filter("is_business"), seed=seed),
        marketing=market,
        service=tickets,
        surveys=surveys.make_surveys(
            horizon,
            tickets=tickets.tickets,
            orders=orders,
            seed=seed,
            most=surveys.MOST_INVITATIONS // branch.count,
        ),
        sessions=make_sessions(
            company.web,
            horizon,
            people=people,
            orders=orders,
            marketing=market,
            leads=leads,
            products=len(company.products),
            seed=seed,
        ),
        quotes=make_quotes(company, horizon, opportunities=opportunities, orders=orders, care=care, seed=seed),
        loyalty=club,
        costs=make_costs(company, horizon, causes=causes, seed=seed),
        visits=make_visits(
            company,
            horizon,
            people=people,
            customers=purchases.customers,
            members=members,
            orders=orders,
            seed=seed,
        ),
        engagements=make_engagements(
            company,
            horizon,
            people=people,
            customers=purchases.customers,
            leads=leads,
            orders=orders,
            lines=lines,
            campaigns=market.campaigns,
            seed=seed,
        ),
    )


def _buyers(horizon: Horizon, *, people: People, firsts: pl.DataFrame) -> pl.DataFrame:
    """Persons buy when they come; companies two days after their first deal is won."""
    won = firsts.filter(pl.col("is_won") & (pl.col("closed_at") + 3 * DAY < horizon.end_second))
    businesses = won.select(
        "person",
        "segment",
        is_business=pl.lit(value=True),
        first_at=pl.Series(next_office_time(won["closed_at"].to_numpy() + 2 * DAY)),
    )
    persons = people.frame.filter((pl.col("role") == 0) & ~pl.col("is_business")).select(
        "person", "segment", "is_business", first_at="born_at"
    )
    both = pl.concat([persons, businesses]).filter(pl.col("first_at") < horizon.end_second)
    return both.sort("person")


def _all_opportunities(
    company: Company, horizon: Horizon, *, firsts: pl.DataFrame, customers: pl.DataFrame, seed: int
) -> pl.DataFrame:
    winners = customers.filter("is_business").select("person", "segment", since="first_at", until="dropped_at")
    later = sales.later_opportunities(company, horizon, won=winners, seed=seed)
    return sales.with_ids(pl.concat([firsts, later]).filter(pl.col("created_at") < horizon.end_second))


def _own_orders(
    horizon: Horizon, *, purchases: pl.DataFrame, customers: pl.DataFrame, opportunities: pl.DataFrame
) -> pl.DataFrame:
    """Purchases of the process, and orders of won deals; a company's first purchase is its first won deal."""
    laws = customers.select("person", "segment", "is_business", "spend_rate")
    won = opportunities.filter("is_won").select("person", "opportunity", "is_first", "closed_at", deal_cents="amount")
    first_deals = won.filter("is_first").select("person", "opportunity", "deal_cents")
    process = purchases.join(laws, on="person", how="left", maintain_order="left").join(
        first_deals, on="person", how="left", maintain_order="left"
    )
    is_deal = pl.col("is_business") & (pl.col("number") == 0)
    process = process.with_columns(
        origin=pl.when(is_deal).then(baskets.OPPORTUNITY).otherwise(baskets.PROCESS).cast(pl.Int64),
        opportunity=pl.when(is_deal).then("opportunity"),
        deal_cents=pl.when(is_deal).then("deal_cents").otherwise(0),
        campaign=pl.lit(None, pl.Int64),
    )
    later = won.filter(~pl.col("is_first")).join(laws, on="person", how="left", maintain_order="left")
    later = later.with_columns(
        at=pl.Series(next_office_time(later["closed_at"].to_numpy() + 2 * DAY)),
        number=pl.lit(1, pl.Int64),
        origin=pl.lit(baskets.OPPORTUNITY, pl.Int64),
        campaign=pl.lit(None, pl.Int64),
    )
    columns = list(baskets.ORDER_COLUMNS)
    return pl.concat([process.select(columns), later.select(columns)]).filter(pl.col("at") < horizon.end_second)


def _baskets(
    company: Company,
    horizon: Horizon,
    *,
    orders: pl.DataFrame,
    customers: pl.DataFrame,
    market: marketing.Marketing,
    members: pl.DataFrame,
    seed: int,
) -> tuple[pl.DataFrame, pl.DataFrame, pl.DataFrame]:
    """Fill all orders, add the ones that follow from others, and number everything in the order of time."""
    filler = baskets.Baskets(company, horizon, stream(seed, "baskets"))
    laws = customers.select("person", "segment", "is_business", "spend_rate")
    caused = market.extra_orders.join(laws, on="person", how="left", maintain_order="left").with_columns(
        number=pl.lit(5, pl.Int64),
        origin=pl.lit(baskets.CAMPAIGN, pl.Int64),
        deal_cents=pl.lit(0, pl.Int64),
        opportunity=pl.lit(None, pl.Int64),
    )
    side = baskets.side_orders(company, horizon, orders=orders, seed=seed)
    first = pl.concat([part.select(baskets.ORDER_COLUMNS) for part in (orders, caused, side)])
    lines = filler.lines(first)
    sequence = baskets.sequence_orders(company, horizon, orders=first, lines=lines, seed=seed)
    follow = _repeat_orders(sequence.filter(pl.col("follows") & (pl.col("at") < horizon.end_second)), baskets.SEQUENCE)
    more = filler.lines(follow).with_columns(order=pl.col("order") + first.height)
    club = _repeat_orders(loyalty.extra_orders(company, members=members, seed=seed), baskets.LOYALTY)
    club_lines = baskets.Baskets(company, horizon, stream(seed, "loyalty/baskets")).lines(club)
    club_lines = club_lines.with_columns(order=pl.col("order") + first.height + follow.height)
    return *_numbered(pl.concat([first, follow, club]), pl.concat([lines, more, club_lines])), sequence


def _repeat_orders(frame: pl.DataFrame, origin: int) -> pl.DataFrame:
    """Further purchases of persons (person, segment, spend_rate, at)."""
    return frame.with_columns(
        is_business=pl.lit(value=False),
        number=pl.lit(5, pl.Int64),
        origin=pl.lit(origin, pl.Int64),
        deal_cents=pl.lit(0, pl.Int64),
        opportunity=pl.lit(None, pl.Int64),
        campaign=pl.lit(None, pl.Int64),
    ).select(baskets.ORDER_COLUMNS)


def _numbered(orders: pl.DataFrame, lines: pl.DataFrame) -> tuple[pl.DataFrame, pl.DataFrame]:
    """Number orders by time within each system and let the lines follow."""
    drafted = orders.with_columns(draft=pl.int_range(pl.len(), dtype=pl.Int64))
    ordered = drafted.sort("at", "person", "origin", "draft").with_columns(order=pl.int_range(pl.len(), dtype=pl.Int64))
    place: Ints = np.empty(orders.height, dtype=np.int64)
    place[ordered["draft"].to_numpy()] = np.arange(orders.height)
    moved = lines.with_columns(order=pl.Series(place[lines["order"].to_numpy()])).sort(
        "order", "line", maintain_order=True
    )
    totals = moved.group_by("order", maintain_order=True).agg(
        net_cents=pl.col("net_cents").sum(), discount_cents=pl.col("discount_cents").sum()
    )
    return ordered.drop("draft").join(totals, on="order", how="left", maintain_order="left"), moved

"""What is to be expected of contacts with people beside what came true: buying centers, service, shops, networks."""

from __future__ import annotations

import numpy as np
import polars as pl

from dagster_project.simulation.buying_centers import DECIDER, known_contacts
from dagster_project.simulation.figures import Figure, counted, mean_figure, share_figure
from dagster_project.simulation.horizon import DAY, HOUR
from dagster_project.simulation.names import BUYING_ROLES
from dagster_project.simulation.service import MERGED, NORMAL, PLACE, PRIORITIES
from dagster_project.simulation.social import FOLLOW, REVIEW, UNFOLLOW
from dagster_project.simulation.stores import CARD_HOLDER, STRANGER, first_known_visits
from dagster_project.simulation.world import World

OUTCOMES = ("won", "lost")


def contact_figures(world: World) -> list[Figure]:
    """Figures about who was reached by whom, how fast, and where."""
    return [*_buying_centers(world), *_management(world), *_priorities(world), *_stores(world), *_networks(world)]


def _buying_centers(world: World) -> list[Figure]:
    """Closed deals that reached each role by an activity, and the decider where one was known."""
    roles = world.people.contacts.select("contact", "buying_role")
    in_deals = pl.col("opportunity").is_not_null()
    touched = world.sales.activities.filter(in_deals).join(roles, on="contact", how="inner")
    known = known_contacts(world.sales.activities, people=world.people, leads=world.sales.leads).filter(in_deals)
    closed = counted(world).filter(pl.col("outcome") != "open")
    law = world.company.sales
    expected = {"won": law.decider_reached_when_won, "lost": law.decider_reached_when_lost}
    figures: list[Figure] = []
    for outcome in OUTCOMES:
        deals = closed.filter(pl.col("outcome") == outcome)["opportunity"]
        for role in sorted(set(BUYING_ROLES)):
            reached = touched.filter(pl.col("buying_role") == role)["opportunity"]
            share = deals.is_in(reached.implode())
            member = f"{outcome}|{role}"
            figures.append(share_figure("buying_role_reached", "outcome|role", member, "chosen contacts", None, share))
        able = deals.filter(deals.is_in(known.filter(pl.col("buying_role") == DECIDER)["opportunity"].implode()))
        share = able.is_in(touched.filter(pl.col("buying_role") == DECIDER)["opportunity"].implode())
        parameter = f"decider_reached_when_{outcome}"
        figures.append(share_figure("decider_reached", "outcome", outcome, parameter, expected[outcome], share))
    return figures


def _management(world: World) -> list[Figure]:
    law, done = world.company.sales, world.sales.activities["is_management"]
    return [share_figure("management_contact_share", "total", "total", "management_share", law.management_share, done)]


def _priorities(world: World) -> list[Figure]:
    """Hours by the clock to the first reply, by the priority at that moment; and how many priorities changed."""
    law, end = world.company.service, world.horizon.end_second
    tickets = world.service.tickets.with_columns(reply_at=pl.col("course_at").arr.get(PLACE["reply_1"]))
    answered = tickets.filter((pl.col("kind") == NORMAL) & pl.col("is_answered") & (pl.col("reply_at") < end))
    then = pl.when(pl.col("priority_changed_at") <= pl.col("reply_at")).then("later_priority").otherwise("priority")
    answered = answered.with_columns(
        then=then,
        hours=(pl.col("reply_at") - pl.col("created_at")) / HOUR,
        is_escalated=(pl.col("later_priority") != pl.col("priority"))
        & (pl.col("priority_changed_at") <= pl.col("reply_at")),
    )
    figures = [
        mean_figure(
            "first_reply_hours",
            "priority",
            name,
            "first_reply_hours * priority_pace, in working time",
            None,
            answered.filter(pl.col("then") == place)["hours"],
        )
        for place, name in enumerate(PRIORITIES)
    ]
    can_rise = answered.filter(pl.col("priority") < len(PRIORITIES) - 1)
    changed = tickets.filter(pl.col("kind") < MERGED)["priority_changed_at"] < end
    return [
        *figures,
        share_figure("ticket_escalated", "total", "total", "escalated", law.escalated, can_rise["is_escalated"]),
        share_figure("ticket_priority_changed", "total", "total", "escalated and relabelled", None, changed),
    ]


def _stores(world: World) -> list[Figure]:
    """Who buys in a shop, who looked before the first order, and who was known there before being a customer."""
    law, visits, end = world.company.store, world.visits, world.horizon.end_second
    consumers = world.customers.filter(
        ~pl.col("is_business") & (pl.col("first_at") >= world.horizon.first_second + 60 * DAY)
    )
    firsts = visits.filter(pl.col("person") >= 0).group_by("person").agg(pl.col("visited_at").min())
    looked = consumers.join(firsts, on="person", how="left", maintain_order="left")
    before = (looked["visited_at"] < looked["first_at"]).fill_null(value=False)
    known = first_known_visits(visits, customers=world.customers)
    converted = (known["first_at"] < end).fill_null(value=False)

    def bought(kind: int, parameter: str, expected: float) -> Figure:
        values = visits.filter(pl.col("kind") == kind)["has_purchase"]
        return share_figure("store_purchase", "visitor", parameter.split("_buys")[0], parameter, expected, values)

    share = law.before_first_order
    return [
        bought(STRANGER, "stranger_buys", law.stranger_buys),
        bought(CARD_HOLDER, "card_holder_buys", law.card_holder_buys),
        share_figure("store_purchase", "total", "total", "visits with a purchase", None, visits["has_purchase"]),
        share_figure("store_visit_before_first_order", "total", "total", "before_first_order", share, before),
        share_figure("store_visitor_conversion", "total", "total", "known before the first order", None, converted),
    ]


def _networks(world: World) -> list[Figure]:
    """Stars with and without the faulty batch, and followers who became customers."""
    law, reactions = world.company.social, world.engagements
    reviews = reactions.filter(pl.col("type") == REVIEW)
    follows = reactions.filter((pl.col("type") == FOLLOW) & (pl.col("person") >= 0))
    followers = follows.join(
        world.customers.select("person", "first_at"), on="person", how="left", maintain_order="left"
    ).filter(pl.col("engaged_at") < pl.col("first_at").fill_null(world.horizon.end_second))
    became = followers["first_at"].is_not_null()

    def stars(member: str, parameter: str, weights: tuple[float, ...], *, faulty: bool) -> Figure:
        expected = float(np.average(np.arange(1, 6), weights=weights))
        values = reviews.filter(pl.col("is_faulty") == faulty)["rating"].cast(pl.Float64)
        return mean_figure("review_stars", "product", member, parameter, expected, values)

    count = reactions.filter(pl.col("type") == FOLLOW).height - reactions.filter(pl.col("type") == UNFOLLOW).height
    return [
        stars("usual", "ratings", law.ratings, faulty=False),
        stars("faulty", "faulty_ratings", law.faulty_ratings, faulty=True),
        Figure("social_followers_at_end", "total", "total", "follows less unfollows", None, count, reactions.height),
        share_figure("follower_conversion", "total", "total", "followed before the first order", None, became),
    ]

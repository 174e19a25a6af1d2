"""Tickets and their messages as they truly happened: first-contact success by team, repeats, reopenings, noise."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import polars as pl

from dagster_project.simulation.baskets import CANCELLED, is_faulty
from dagster_project.simulation.company import Company
from dagster_project.simulation.draws import Bools, Floats, Ints, Random, chance, pick, stream
from dagster_project.simulation.horizon import DAY, HOUR, NEVER, Horizon, next_office_time, office_hours
from dagster_project.simulation.people import People

KINDS = ("normal", "zero_reply", "auto_closed", "outbound", "merged", "spam", "test")
NORMAL, ZERO_REPLY, AUTO_CLOSED, OUTBOUND, MERGED, SPAM, TEST = range(7)
TOPICS = ("delivery", "billing", "return", "defect", "usage", "contract", "maintenance")
CHANNELS = ("email", "phone", "chat", "web")
PRIORITIES = ("low", "normal", "high", "urgent")
URGENT = len(PRIORITIES) - 1
RELABELLED_AFTER = 21 * DAY
# Places on the longest course of a ticket: who writes (0 customer, 1 agent, 2 system), seen by the customer or not.
COURSE = (
    ("opening", 0, True),
    ("agent_opening", 1, True),
    ("note", 1, False),
    ("reply_1", 1, True),
    ("customer_2", 0, True),
    ("reply_2", 1, True),
    ("solved_1", 2, False),
    ("after", 0, True),
    ("reply_3", 1, True),
    ("solved_2", 2, False),
)
PLACE = {name: place for place, (name, _, _) in enumerate(COURSE)}
NOBODY = -1


@dataclass(frozen=True)
class Service:
    """Tickets with their true fate and all their messages."""

    tickets: pl.DataFrame
    messages: pl.DataFrame


def make_service(
    company: Company,
    horizon: Horizon,
    *,
    people: People,
    orders: pl.DataFrame,
    lines: pl.DataFrame,
    care: pl.DataFrame,
    seed: int,
) -> Service:
    """Draw all tickets of the horizon.

    Args:
        company: Parameters.
        horizon: Simulated time.
        people: Identities.
        orders: All orders (order, person, at, origin, is_business).
        lines: Their lines.
        care: Business customers with `person`, `since`, `until`.
        seed: Seed of the company.
    """
    random, urgency = stream(seed, "service"), stream(seed, "service/priority")
    asked = pl.concat(
        [
            _after_orders(company, horizon, random, orders=orders, lines=lines),
            _of_businesses(company, horizon, random, care=care),
            _of_prospects(company, random, people=people),
        ]
    )
    asked = asked.filter((pl.col("created_at") < horizon.end_second) & (pl.col("person") >= 0))
    asked = _apart(
        asked.with_columns(kind=_kinds(company, random, asked.height), is_repeat=False, parent=pl.lit(None, pl.Int64))
    )
    courses = _courses(company, random, urgency, asked)
    repeats = _repeats(random, courses)
    second = _courses(company, random, urgency, repeats, may_repeat=False)
    copies = _noise(company, horizon, random, courses=courses)
    noise = _courses(company, random, urgency, copies, may_repeat=False)
    tickets = pl.concat([courses, second, noise]).filter(pl.col("created_at") < horizon.end_second)
    tickets = tickets.sort("created_at", "person", "kind", "topic", maintain_order=True).with_columns(
        ticket=pl.int_range(pl.len(), dtype=pl.Int64)
    )
    tickets = tickets.join(
        tickets.filter(~pl.col("is_repeat") & (pl.col("kind") < MERGED)).select(parent="draft", survivor="ticket"),
        on="parent",
        how="left",
        maintain_order="left",
    )
    tickets = _reconsidered(company, urgency, tickets)
    return Service(tickets, _messages(tickets))


def _after_orders(
    company: Company, horizon: Horizon, random: Random, *, orders: pl.DataFrame, lines: pl.DataFrame
) -> pl.DataFrame:
    mains = lines.sort("order", "net_cents", descending=[False, True], maintain_order=True).unique(
        "order", keep="first", maintain_order=True
    )
    bad = lines.join(orders.select("order", "at"), on="order", how="left", maintain_order="left")
    faulty = is_faulty(company, horizon, product=bad["product"].to_numpy(), at=bad["at"].to_numpy())
    bad_orders = (
        bad.filter(pl.Series(faulty)).select("order", "product").unique("order", keep="first", maintain_order=True)
    )
    known = orders.filter((pl.col("person") >= 0) & (pl.col("origin") != CANCELLED))
    known = known.join(mains.select("order", "product"), on="order", how="left", maintain_order="left").join(
        bad_orders.select("order", faulty_product="product"), on="order", how="left", maintain_order="left"
    )
    is_bad = known["faulty_product"].is_not_null().to_numpy()
    law = company.service
    asks = chance(random, np.where(is_bad, law.per_faulty_order, law.per_order), known.height)
    chosen = known.filter(pl.Series(asks))
    size, bad_chosen = chosen.height, is_bad[asks]
    topic = np.where(bad_chosen, 3, pick(random, (0.34, 0.16, 0.12, 0.18, 0.20), size))
    return (
        chosen.select("person", "order", product=pl.coalesce("faulty_product", "product"))
        .with_columns(
            topic=topic,
            created_at=chosen["at"].to_numpy() + HOUR + (random.exponential(7.0, size) * DAY).astype(np.int64),
        )
        .select("person", "order", "product", "topic", "created_at")
    )


def _of_businesses(company: Company, horizon: Horizon, random: Random, *, care: pl.DataFrame) -> pl.DataFrame:
    since, until = care["since"].to_numpy(), np.minimum(care["until"].to_numpy(), horizon.end_second)
    span = np.maximum(until - since, 0)
    count = random.poisson(company.service.business_per_month * span / (30.4 * DAY))
    row = np.repeat(np.arange(care.height), count)
    at = office_hours(since[row] + (span[row] * random.random(row.size)).astype(np.int64))
    return _plain(care["person"].to_numpy()[row], topic=5 + random.integers(0, 2, row.size), at=at)


def _of_prospects(company: Company, random: Random, *, people: People) -> pl.DataFrame:
    asks = people.frame.filter(
        (pl.col("role") == 1) & pl.Series(chance(random, company.service.prospect_share, people.frame.height))
    )
    at = asks["born_at"].to_numpy() + (random.exponential(5.0, asks.height) * DAY).astype(np.int64)
    return _plain(asks["person"].to_numpy(), topic=np.full(asks.height, 4), at=at)


def _plain(person: Ints, *, topic: Ints, at: Ints) -> pl.DataFrame:
    return pl.DataFrame({"person": person}).select(
        "person", order=pl.lit(None, pl.Int64), product=pl.lit(None, pl.Int64), topic=topic, created_at=at
    )


def _kinds(company: Company, random: Random, size: int) -> Ints:
    law = company.service
    return pick(
        random,
        (1 - law.zero_reply - law.auto_closed - law.outbound, law.zero_reply, law.auto_closed, law.outbound),
        size,
    )


def _apart(asked: pl.DataFrame) -> pl.DataFrame:
    """Keep tickets of one customer and topic far enough apart that only intended repeats fall into the window."""
    ordered = asked.sort("person", "topic", "created_at", maintain_order=True)
    near = (
        (pl.col("person") == pl.col("person").shift(1))
        & (pl.col("topic") == pl.col("topic").shift(1))
        & (pl.col("created_at") - pl.col("created_at").shift(1) < 60 * DAY)
    ).fill_null(value=False)
    return ordered.filter(~near).sort("created_at", "person", "topic", maintain_order=True)


def _courses(
    company: Company, random: Random, urgency: Random, asked: pl.DataFrame, *, may_repeat: bool = True
) -> pl.DataFrame:
    """Decide each ticket's fate and put times on every place of its course."""
    size, kind = asked.height, asked["kind"].to_numpy()
    team = _team_of(company)[asked["topic"].to_numpy()]
    success_share: Floats = np.array([entry.first_contact_success for entry in company.teams])[team]
    answered = (kind == NORMAL) | ((kind == OUTBOUND) & chance(random, 0.5, size))
    success = answered & chance(random, success_share, size)
    fate = random.random(size)
    law = company.service
    repeats = answered & ~success & (fate < law.repeat_share) & (kind == NORMAL) & may_repeat
    reopened = answered & ~success & ~repeats & (fate < law.repeat_share + law.reopen_share)
    several = answered & ~success & ~repeats & ~reopened
    thanks = answered & ~reopened & chance(random, 0.15, size)
    visited = np.column_stack(
        [
            kind != OUTBOUND,
            kind == OUTBOUND,
            ((kind == NORMAL) & chance(random, 0.3, size)) | (kind == ZERO_REPLY),
            answered,
            several | ((kind == OUTBOUND) & answered),
            several,
            kind < MERGED,
            thanks | reopened,
            reopened,
            reopened,
        ]
    )
    priority = pick(urgency, law.priorities, size)
    entered = _times(company, random, asked=asked, team=team, priority=priority, visited=visited)
    return asked.with_columns(
        draft=np.arange(size),
        team=team,
        is_answered=answered,
        is_success=success,
        is_repeating=repeats,
        is_reopened=reopened,
        created_at=entered[:, 0],
        solved_at=np.where(kind < MERGED, entered[:, PLACE["solved_1"]], NEVER),
        solved_again_at=np.where(reopened, entered[:, PLACE["solved_2"]], NEVER),
        channel=pick(random, (0.5, 0.25, 0.12, 0.13), size),
        priority=priority,
        agent=random.integers(0, 1 << 30, size),
        rating=pick(random, (0.55, 0.15, 0.3), size),
        course_at=pl.Series(entered, dtype=pl.Array(pl.Int64, len(COURSE))),
        course_visited=pl.Series(visited, dtype=pl.Array(pl.Boolean, len(COURSE))),
    )


def _times(
    company: Company, random: Random, *, asked: pl.DataFrame, team: Ints, priority: Ints, visited: Bools
) -> Ints:
    """Seconds of every place of the course; places that are not visited carry a time that nobody reads."""
    size, kind = asked.height, asked["kind"].to_numpy()
    reply_hours: Floats = np.array([entry.first_reply_hours for entry in company.teams])[team]
    reply_hours = reply_hours * np.array(company.service.priority_pace)[priority]
    created = np.where(kind == OUTBOUND, office_hours(asked["created_at"].to_numpy()), asked["created_at"].to_numpy())

    def answer(after: Ints) -> Ints:
        return next_office_time(after + 240 + (random.gamma(2.0, reply_hours / 2.0, size) * HOUR).astype(np.int64))

    def wait(low_hours: float, high_hours: float) -> Ints:
        return (HOUR * (low_hours + (high_hours - low_hours) * random.random(size))).astype(np.int64)

    early_customer = created + wait(1, 20)
    reply_1 = answer(np.where(kind == OUTBOUND, early_customer, created))
    customer_2 = np.where(kind == OUTBOUND, early_customer, reply_1 + wait(1, 20))
    reply_2 = answer(np.maximum(customer_2, reply_1) + 60)
    last = np.where(visited[:, PLACE["reply_2"]], reply_2, np.where(visited[:, PLACE["reply_1"]], reply_1, created))
    pause = np.select(
        [kind == AUTO_CLOSED, visited[:, PLACE["reply_1"]]],
        [np.full(size, 14 * DAY), wait(0.02, 0.2)],
        default=wait(6, 60),
    )
    solved = last + pause
    after = solved + wait(2, 40)
    reply_3 = answer(after)
    note = created + wait(0.1, 0.9)
    return np.column_stack(
        [created, created, note, reply_1, customer_2, reply_2, solved, after, reply_3, reply_3 + 300]
    )


def _reconsidered(company: Company, random: Random, tickets: pl.DataFrame) -> pl.DataFrame:
    """Some tickets get another priority: a higher one before the first reply, or any other long after the solution."""
    law, size = company.service, tickets.height
    priority, kind = tickets["priority"].to_numpy(), tickets["kind"].to_numpy()
    answered = tickets["is_answered"].to_numpy() & (kind == NORMAL)
    fate = random.random(size)
    escalated = answered & (fate < law.escalated) & (priority < URGENT)
    relabelled = answered & ~escalated & (fate > 1 - law.relabelled)
    created = tickets["created_at"].to_numpy()
    reply = tickets["course_at"].arr.get(PLACE["reply_1"]).to_numpy()
    solved = np.where(tickets["is_reopened"].to_numpy(), tickets["solved_again_at"], tickets["solved_at"])
    other = (priority + 1 + random.integers(0, URGENT, size)) % (URGENT + 1)
    return tickets.with_columns(
        later_priority=np.where(escalated, np.minimum(priority + 1, URGENT), np.where(relabelled, other, priority)),
        priority_changed_at=np.where(
            escalated, (created + reply) // 2, np.where(relabelled, solved + RELABELLED_AFTER, NEVER)
        ),
    )


def _repeats(random: Random, courses: pl.DataFrame) -> pl.DataFrame:
    """New tickets on the same topic within six days after the first was called solved."""
    parents = courses.filter("is_repeating")
    wait = ((0.2 + 5.6 * random.random(parents.height)) * DAY).astype(np.int64)
    return (
        parents.select("person", "order", "product", "topic", "kind", created_at=pl.col("solved_at") + pl.Series(wait))
        .with_columns(is_repeat=True, parent=parents["draft"])
        .select("person", "order", "product", "topic", "created_at", "kind", "is_repeat", "parent")
    )


def _noise(company: Company, horizon: Horizon, random: Random, *, courses: pl.DataFrame) -> pl.DataFrame:
    """Tickets that must not count: second copies that get merged, spam, tests."""
    law = company.service
    copied = courses.filter(pl.Series(chance(random, law.merged, courses.height)) & (pl.col("kind") == NORMAL))
    copies = copied.select("person", "order", "product", "topic", "created_at", parent="draft").with_columns(
        created_at=pl.col("created_at") + pl.Series(random.integers(60, 1_500, copied.height)),
        kind=pl.lit(MERGED, pl.Int64),
    )
    spam, tests = round(courses.height * law.spam), max(round(courses.height * law.test), 2)
    at = horizon.first_second + (random.random(spam + tests) * horizon.seconds).astype(np.int64)
    empty = _plain(np.full(spam + tests, NOBODY), topic=random.integers(0, 5, spam + tests), at=at).with_columns(
        parent=pl.lit(None, pl.Int64), kind=np.r_[np.full(spam, SPAM), np.full(tests, TEST)]
    )
    columns = ["person", "order", "product", "topic", "created_at", "kind", "is_repeat", "parent"]
    return pl.concat([part.with_columns(is_repeat=False).select(columns) for part in (copies, empty)])


def _team_of(company: Company) -> Ints:
    return np.array(
        [next(place for place, team in enumerate(company.teams) if topic in team.topics) for topic in TOPICS]
    )


def _messages(tickets: pl.DataFrame) -> pl.DataFrame:
    """One row per message, numbered in order of time."""
    long = tickets.select(
        "ticket", "kind", "topic", at=pl.col("course_at").arr.to_list(), visited=pl.col("course_visited").arr.to_list()
    ).with_columns(place=pl.lit(list(range(len(COURSE)))))
    long = long.explode("at", "visited", "place")
    solved = pl.col("place").is_in([PLACE["solved_1"], PLACE["solved_2"]])
    spoken = pl.col("visited") & (~solved | ((pl.col("kind") == AUTO_CLOSED) & (pl.col("place") == PLACE["solved_1"])))
    places = list(range(len(COURSE)))
    messages = long.filter(spoken).with_columns(
        author=pl.col("place").replace_strict(places, [entry[1] for entry in COURSE], return_dtype=pl.Int64),
        is_public=pl.col("place").replace_strict(places, [entry[2] for entry in COURSE], return_dtype=pl.Boolean),
    )
    return (
        messages.drop("visited")
        .sort("at", "ticket", "place", maintain_order=True)
        .with_columns(message=pl.int_range(pl.len(), dtype=pl.Int64))
    )

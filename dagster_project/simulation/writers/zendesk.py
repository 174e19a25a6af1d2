"""Zendesk's incremental export: one JSON object per line, tickets with all comments so far; end users apart."""

from __future__ import annotations

import polars as pl

from dagster_project.simulation import names
from dagster_project.simulation.exports import NDJSON, Export, Layout, utc_text, words_by
from dagster_project.simulation.horizon import DAY, NEVER
from dagster_project.simulation.identifiers import Staff, debtor_number, erp_order_number, requester_id, shop_order_name
from dagster_project.simulation.people import international_phone, local_phone
from dagster_project.simulation.service import (
    AUTO_CLOSED,
    CHANNELS,
    MERGED,
    OUTBOUND,
    PLACE,
    PRIORITIES,
    SPAM,
    TEST,
    TOPICS,
)
from dagster_project.simulation.world import World

SYSTEM = "zendesk"
STAMP = "%Y-%m-%dT%H:%M:%SZ"
TYPES = ("problem", "question", "task", "problem", "question", "question", "task")
BODIES = (
    "Guten Tag, bitte helfen Sie mir weiter.",
    "Guten Tag, wir möchten Sie über den Stand informieren.",
    "Intern: Kunde bereits bekannt, siehe Historie.",
    "Vielen Dank für Ihre Nachricht, hier ist die Lösung.",
    "Das hat leider nicht geholfen.",
    "Wir haben das noch einmal geprüft.",
    "Automatisch geschlossen, da keine Antwort kam.",
    "Rückmeldung zum Ticket.",
    "Wir haben uns erneut darum gekümmert.",
    "",
)
CLOSED_AFTER = 28 * DAY


def zendesk_exports(world: World, staff: Staff) -> list[Export]:
    """All exports of the service desk."""
    requesters = users(world)
    return [
        Export(SYSTEM, "users", "users_", ".ndjson", "delta", requesters, _user_layout(), NDJSON, key=("person",)),
        Export(
            SYSTEM,
            "tickets",
            "tickets_",
            ".ndjson",
            "delta",
            _ticket_versions(world),
            _ticket_layout(world, staff, requesters),
            NDJSON,
            key=("ticket",),
            gzip_every=2,
        ),
    ]


def users(world: World) -> pl.DataFrame:
    """Everybody who ever wrote, from the first ticket on; companies by their main contact and their organisation."""
    tickets = world.service.tickets.filter(pl.col("person") >= 0)
    first = tickets.group_by("person", maintain_order=True).agg(_at=pl.col("created_at").min())
    main = world.people.contacts.filter(pl.col("place") == 0).select(
        "person", contact_email="email", contact_first="first_name", contact_last="last_name"
    )
    known = (
        first.join(world.people.frame, on="person", how="left", maintain_order="left")
        .join(main, on="person", how="left", maintain_order="left")
        .join(world.customers.select("person", "first_at"), on="person", how="left", maintain_order="left")
    )
    business = pl.col("is_business")
    by_phone = ~business & pl.col("has_phone") & pl.col("first_at").is_not_null() & (pl.col("person") % 10 == 3)
    email = (
        pl.when(business)
        .then("contact_email")
        .when(by_phone)
        .then(pl.concat_str(pl.lit("privat."), "email"))
        .otherwise("email")
    )
    shouting = pl.col("person") % 4 == 1
    return known.with_columns(
        user_email=pl.when(shouting).then(email.str.to_uppercase()).otherwise(email),
        user_name=pl.when(business)
        .then(pl.concat_str("contact_first", pl.lit(" "), "contact_last"))
        .otherwise(pl.concat_str("first_name", pl.lit(" "), "last_name")),
        user_phone=pl.when(by_phone)
        .then(local_phone())
        .when(business & (pl.col("link") == 1))
        .then(international_phone()),
        organization=pl.when(business).then("company"),
        number=pl.when(business & pl.col("first_at").is_not_null()).then("person"),
    ).sort("_at", "person")


def _user_layout() -> Layout:
    def layout(rows: pl.DataFrame) -> pl.DataFrame:
        return rows.select(
            id=requester_id(),
            name="user_name",
            email="user_email",
            phone="user_phone",
            role=pl.lit("end-user"),
            organization=pl.struct(name="organization", external_id=debtor_number("number")),
            user_fields=pl.struct(
                customer_type=pl.when("is_business").then(pl.lit("business")).otherwise(pl.lit("person")),
                zip=pl.when("is_business").then("postal_code"),
                country="country",
            ),
            created_at=utc_text("_at", STAMP),
            updated_at=utc_text("_at", STAMP),
        )

    return layout


def _ticket_versions(world: World) -> pl.DataFrame:
    """A ticket changes with every message, with its priority, when it is solved, merged or closed."""
    tickets = world.service.tickets
    closing = tickets.with_columns(
        last_solved=pl.when(pl.col("is_reopened")).then("solved_again_at").otherwise("solved_at"),
    )
    moments = [
        world.service.messages.select("ticket", _at="at"),
        tickets.filter(pl.col("solved_at") < NEVER).select("ticket", _at="solved_at"),
        tickets.filter(pl.col("solved_again_at") < NEVER).select("ticket", _at="solved_again_at"),
        tickets.filter(pl.col("priority_changed_at") < NEVER).select("ticket", _at="priority_changed_at"),
        tickets.filter(pl.col("kind") >= MERGED).select("ticket", _at=pl.col("created_at") + 3_000),
        closing.filter(pl.col("last_solved") < NEVER).select("ticket", _at=pl.col("last_solved") + CLOSED_AFTER),
    ]
    return pl.concat(moments).filter(pl.col("_at") < world.horizon.end_second).unique(maintain_order=True)


def _state() -> dict[str, pl.Expr]:
    """What the ticket looks like at `_at`."""
    now = pl.col("_at")
    solved, again = pl.col("solved_at") <= now, pl.col("solved_again_at") <= now
    reopened = pl.col("is_reopened") & (pl.col("after_at") <= now)
    solved_now = (solved & ~reopened) | again
    last_solved = pl.when(again).then("solved_again_at").otherwise("solved_at")
    noise = pl.col("kind") >= MERGED
    put_away = noise & (now >= pl.col("created_at") + 3_000)
    status = (
        pl.when(put_away)
        .then(pl.lit("closed"))
        .when(noise)
        .then(pl.lit("new"))
        .when(solved_now & (now >= last_solved + CLOSED_AFTER))
        .then(pl.lit("closed"))
        .when(solved_now)
        .then(pl.lit("solved"))
        .when(pl.col("is_answered") & (pl.col("reply_at") <= now))
        .then(pl.lit("pending"))
        .when(now > pl.col("created_at"))
        .then(pl.lit("open"))
        .otherwise(pl.lit("new"))
    )
    return {
        "status": status,
        "first_solved": pl.when(solved).then("solved_at"),
        "last_solved": pl.when(solved_now).then(last_solved),
        "reopens": pl.when(reopened).then(1).otherwise(0),
        "merged_into": pl.when((pl.col("kind") == MERGED) & put_away).then("survivor"),
        "is_rated": solved_now,
        "priority_now": pl.when(pl.col("priority_changed_at") <= now).then("later_priority").otherwise("priority"),
    }


def _ticket_layout(world: World, staff: Staff, users: pl.DataFrame) -> Layout:
    tickets = (
        world.service.tickets.select(
            "ticket",
            "person",
            "order",
            "product",
            "topic",
            "kind",
            "team",
            "agent",
            "channel",
            "priority",
            "later_priority",
            "priority_changed_at",
            "rating",
            "created_at",
            "solved_at",
            "solved_again_at",
            "is_reopened",
            "is_answered",
            "survivor",
            after_at=pl.col("course_at").arr.get(PLACE["after"]),
            reply_at=pl.col("course_at").arr.get(PLACE["reply_1"]),
        )
        .join(
            users.select("person", "user_email", "user_name", "number"), on="person", how="left", maintain_order="left"
        )
        .join(world.orders.select("order", "is_business"), on="order", how="left", maintain_order="left")
    )
    messages = world.service.messages.sort("ticket", "message").select(
        "ticket", "message", "at", "author", "is_public", "place"
    )
    ids = [product.product_id for product in world.company.products]
    teams = [team.name for team in world.company.teams]

    def layout(rows: pl.DataFrame) -> pl.DataFrame:
        state = (
            rows.sort("ticket").join(tickets, on="ticket", how="left", maintain_order="left").with_columns(**_state())
        )
        state = state.with_columns(employee=staff.agent(pl.col("team"), pl.col("agent")))
        comments = _comments(state.select("ticket", "_at", "employee", "person"), messages)
        joined = state.join(comments, on="ticket", how="left", maintain_order="left")
        order = pl.when("is_business").then(erp_order_number()).otherwise(shop_order_name())
        tags = pl.concat_list(
            pl.when(pl.col("kind") == AUTO_CLOSED).then(pl.lit("auto_closed")),
            pl.when(pl.col("kind") == TEST).then(pl.lit("test")),
            pl.when(pl.col("kind") == SPAM).then(pl.lit("spam")),
        ).list.drop_nulls()
        return joined.select(
            id=pl.col("ticket") + 50_001,
            subject=words_by(pl.col("topic"), [names.TOPIC_SUBJECTS[topic] for topic in TOPICS]),
            type=words_by(pl.col("topic"), list(TYPES)),
            status="status",
            priority=words_by(pl.col("priority_now"), list(PRIORITIES)),
            requester=pl.struct(
                id=pl.when(pl.col("person") >= 0).then(requester_id()),
                email=_requester_email(),
                external_id=pl.when(pl.col("number").is_not_null()).then(debtor_number("number")),
            ),
            assignee_id="employee",
            group=words_by(pl.col("team"), teams),
            via=pl.struct(channel=words_by(pl.col("channel"), list(CHANNELS))),
            custom_fields=pl.struct(
                topic=words_by(pl.col("topic"), list(TOPICS)),
                product_sku=words_by(pl.col("product"), ids),
                order_number=pl.when(pl.col("order").is_not_null()).then(order),
            ),
            tags=tags,
            is_spam=pl.col("kind") == SPAM,
            is_test=pl.col("kind") == TEST,
            is_outbound=pl.col("kind") == OUTBOUND,
            is_auto_closed=(pl.col("kind") == AUTO_CLOSED) & pl.col("first_solved").is_not_null(),
            merged_into=pl.col("merged_into") + 50_001,
            metrics=pl.struct(
                reopens="reopens",
                first_solved_at=utc_text("first_solved", STAMP),
                solved_at=utc_text("last_solved", STAMP),
            ),
            satisfaction_rating=pl.struct(score=_rating()),
            created_at=utc_text("created_at", STAMP),
            updated_at=utc_text("_at", STAMP),
            comments="comments",
        )

    return layout


def _requester_email() -> pl.Expr:
    nobody = (
        pl.when(pl.col("kind") == SPAM).then(pl.lit("win@casino.example")).otherwise(pl.lit("qa@bohnenwerk.example"))
    )
    return pl.when(pl.col("person") >= 0).then("user_email").otherwise(nobody)


def _rating() -> pl.Expr:
    given = pl.col("rating").replace_strict(range(3), ["unoffered", "offered", "good"], return_dtype=pl.String)
    return pl.when("is_rated").then(given).otherwise(pl.lit("unoffered"))


def _comments(state: pl.DataFrame, messages: pl.DataFrame) -> pl.DataFrame:
    """All comments each ticket had at its `_at`, oldest first."""
    said = state.join(messages, on="ticket", how="inner", maintain_order="left_right").filter(
        pl.col("at") <= pl.col("_at")
    )
    author = pl.struct(
        role=pl.col("author").replace_strict(range(3), ["end-user", "agent", "system"], return_dtype=pl.String),
        id=pl.when(pl.col("author") == 1)
        .then("employee")
        .when((pl.col("author") == 0) & (pl.col("person") >= 0))
        .then(requester_id().cast(pl.String)),
    )
    comment = pl.struct(
        id=pl.col("message") + 900_001,
        author=author,
        public="is_public",
        body=words_by(pl.col("place"), list(BODIES)),
        created_at=utc_text("at", STAMP),
    )
    return said.select("ticket", comments=comment).group_by("ticket", maintain_order=True).agg("comments")
